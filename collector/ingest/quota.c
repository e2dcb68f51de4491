#include "collector/ingest/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define DAY_US (86400 * US_PER_S)

void quota_done(struct quota *quota)
{
    free(quota->names);
    *quota = (struct quota){ .n = 0 };
}

static bool make_room(struct quota *quota)
{
    if (quota->n < quota->room)
        return true;
    unsigned room = quota->room ? quota->room * 2 : 4; /* few hosts ever need more */
    uint8_t(*grown)[QUOTA_NAME_BYTES] = realloc(quota->names, room * sizeof *grown);
    if (!grown)
        return false;
    quota->names = grown;
    quota->room = room;
    return true;
}

bool quota_take(struct quota *quota, const uint8_t name[QUOTA_NAME_BYTES], int64_t now_us)
{
    int64_t day = now_us / DAY_US;
    if (day != quota->day)
        quota->n = 0;
    quota->day = day;
    for (unsigned i = 0; i < quota->n; i++)
        if (memcmp(quota->names[i], name, QUOTA_NAME_BYTES) == 0)
            return true;
    if (quota->n == QUOTA_NAMES || !make_room(quota))
        return false;
    memcpy(quota->names[quota->n++], name, QUOTA_NAME_BYTES);
    return true;
}
