#include "warroom/command/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

static void close_file(FILE **file)
{
    if (*file && *file != stdin)
        fclose(*file);
}

/* One byte more than there may be tells of too many. */
static int read_text(const char *name, char text[ATTACH_MAX + 1], size_t *ret_len, struct err *err)
{
    AUTO(close_file) FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (!file)
        return err_sys(err, -errno, "cannot read %s", name);
    size_t len = fread(text, 1, ATTACH_MAX + 1, file);
    if (ferror(file))
        return err_sys(err, -EIO, "cannot read %s", name);
    if (len > ATTACH_MAX)
        return err_set(err, -EINVAL, "%s is longer than %d bytes", name, ATTACH_MAX);
    *ret_len = len;
    return 0;
}

int attach_file(json_t *args, struct err *err)
{
    char text[ATTACH_MAX + 1];
    size_t len = 0; /* gcc cannot see that read_text() sets it */
    const char *name = json_string_value(json_object_get(args, "file"));
    if (!name)
        return 0;
    int rc = read_text(name, text, &len, err);
    if (rc < 0)
        return rc;
    json_t *document = memchr(text, '\0', len) ? NULL : json_stringn(text, len);
    if (!document)
        return err_set(err, -EINVAL, "%s is no text in UTF-8", name);
    return json_object_set_new(args, "document", document) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}
