#include "collector/channel/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/utf8.h"

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    size_t len = strlen(text);
    AUTO(auto_free) char *repaired = malloc(len + 1); /* a title cut within a character, say */
    return repaired ? json_stringn(repaired, utf8_clean(repaired, len, text, len)) : NULL;
}

int json_put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

int json_put_text(json_t *object, const char *key, const char *value)
{
    return json_put(object, key, text_json(value));
}

void json_undo(json_t **json)
{
    json_decref(*json);
}
