#include "warroom/command/field.h"

#include <string.h>

#include "base/moment.h"

const char *field_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && text[0] ? text : FIELD_NONE;
}

bool field_is(const json_t *object, const char *key, const char *text)
{
    return strcmp(field_text(object, key), text) == 0;
}

bool field_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

bool field_count(const json_t *object, const char *key, int64_t *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        return false;
    *ret = json_integer_value(value);
    return true;
}

bool field_number(const json_t *object, const char *key, double *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        return false;
    *ret = json_number_value(value);
    return true;
}

bool field_instant(const json_t *object, const char *key, int64_t *ret_us)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && moment_parse(text, strlen(text), ret_us) == 0;
}

const json_t *field_object(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

const json_t *field_list(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_array(value) ? value : NULL;
}
