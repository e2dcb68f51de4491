#include "collector/namesake.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct search {
    char wanted[NAME_MAX_BYTES + 1];
    bool (*is_taken)(void *user, const char *name);
    void *user;
};

/* The host name as a name of ours: letters it may not have become '-'. */
static void fit_name(const char *hostname, char ret[NAME_MAX_BYTES + 1])
{
    size_t len = 0;
    for (const char *at = hostname; *at && len < NAME_MAX_BYTES; at++) {
        bool first_may = isascii(*at) && isalnum((unsigned char)*at);
        bool may = first_may || (len > 0 && strchr("._-", *at));
        if (may || len > 0)
            ret[len++] = may ? *at : '-';
    }
    ret[len] = '\0';
    if (len == 0)
        snprintf(ret, NAME_MAX_BYTES + 1, "host");
}

static void write_name(const struct search *search, unsigned n, char ret[NAME_MAX_BYTES + 1])
{
    char end[16];
    int len = n > 1 ? snprintf(end, sizeof end, "-%u", n) : 0;
    end[len] = '\0';
    snprintf(ret, NAME_MAX_BYTES + 1, "%.*s%s", NAME_MAX_BYTES - len, search->wanted, end);
}

static bool is_taken(const struct search *search, unsigned n)
{
    char name[NAME_MAX_BYTES + 1];
    write_name(search, n, name);
    return search->is_taken(search->user, name);
}

/* Doubling until one is free, then halving towards one that is taken. 0: none. */
static unsigned first_free(const struct search *search)
{
    unsigned taken = 0, vacant = 1;
    while (is_taken(search, vacant)) {
        if (vacant == NAMESAKES_MAX)
            return 0;
        taken = vacant;
        vacant = vacant * 2 < NAMESAKES_MAX ? vacant * 2 : NAMESAKES_MAX;
    }
    while (vacant - taken > 1) {
        unsigned middle = taken + (vacant - taken) / 2;
        if (is_taken(search, middle))
            taken = middle;
        else
            vacant = middle;
    }
    return vacant;
}

int namesake_find(const char *hostname, bool (*is_taken_by)(void *user, const char *name), void *user,
                  char ret[NAME_MAX_BYTES + 1])
{
    struct search search = { .is_taken = is_taken_by, .user = user };
    fit_name(hostname, search.wanted);
    unsigned n = first_free(&search);
    if (n == 0)
        return -EEXIST;
    write_name(&search, n, ret);
    return 0;
}
