#include "tests/recorded/recorded.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/auto.h"

enum { LINE_BYTES = 2 * MESSAGE_MAX + 16 };

int recorded_read(const char *path, struct recorded *ret, struct err *err)
{
    static char line[LINE_BYTES];
    AUTO(auto_fclose) FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, -errno, "cannot open %s", path);
    ret->n = 0;
    for (size_t used = 0; fgets(line, sizeof line, file); ret->n++) {
        if (ret->n == RECORDED_MAX)
            return err_set(err, -EBADMSG, "%s has more than %d lines", path, RECORDED_MAX);
        struct recorded_message *message = &ret->at[ret->n];
        const char *end;
        *message = (struct recorded_message){ .request = line[0] == '>', .said.at = ret->bytes + used };
        if (strcspn(line, "<>") != 0 || line[1] != ' ' ||
            sodium_hex2bin(ret->bytes + used, sizeof ret->bytes - used, line + 2, strlen(line + 2), NULL,
                           &message->said.len, &end) < 0 ||
            *end != '\n')
            return err_set(err, -EBADMSG, "%s:%zu: not a way and a message in hexadecimal", path, ret->n + 1);
        used += message->said.len;
    }
    return 0;
}
