/* Plans and calendars as the configuration has them: a folder each, of which every *.yaml is one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"

enum { PATH_BYTES = 1300 };

struct folder {
    const char *path;
    size_t most;
    void *items; /* room for `most` */
    size_t item_size;
    int (*read)(const char *path, void *ret, struct config_faults *faults);
    size_t n;
};

static int read_plan(const char *path, void *ret, struct config_faults *faults)
{
    return plan_read(path, ret, faults);
}

static int read_calendar(const char *path, void *ret, struct config_faults *faults)
{
    return holidays_read(path, ret, faults);
}

static int is_yaml(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int read_file(struct folder *folder, const char *name, struct config_faults *faults)
{
    char path[PATH_BYTES];
    if (folder->n == folder->most)
        return config_fault(faults, folder->path, 0, "more than %zu files", folder->most);
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    int rc = folder->read(path, (char *)folder->items + folder->n * folder->item_size, faults);
    folder->n += rc == 0;
    return rc;
}

/* By name, so that lists come in an order that says something. */
static int read_folder(struct folder *folder, bool may_be_missing, struct config_faults *faults)
{
    struct dirent **entries = NULL;
    int n = scandir(folder->path, &entries, is_yaml, alphasort);
    if (n < 0 && errno == ENOENT && may_be_missing)
        return 0;
    if (n < 0) {
        faults->n_files++;
        return config_fault(faults, folder->path, 0, "cannot read the folder: %s", strerror(errno));
    }
    int rc = 0;
    for (int i = 0; i < n; i++) {
        if (read_file(folder, entries[i]->d_name, faults) < 0)
            rc = -EINVAL;
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int shelf_read(struct collector_config *config, struct arena *arena, struct config_faults *faults)
{
    struct plan *plans = arena_alloc(arena, PLANS_MAX, sizeof *plans);
    struct holidays *calendars = arena_alloc(arena, CALENDARS_MAX, sizeof *calendars);
    if (!plans || !calendars)
        return config_fault(faults, config->plans_folder ? config->plans_folder : PLANS_FOLDER, 0, "out of memory");
    struct folder folders[] = {
        { config->plans_folder ? config->plans_folder : PLANS_FOLDER, PLANS_MAX, plans, sizeof *plans, read_plan, 0 },
        { config->calendars_folder ? config->calendars_folder : CALENDARS_FOLDER, CALENDARS_MAX, calendars,
          sizeof *calendars, read_calendar, 0 },
    };
    int rc = read_folder(&folders[0], !config->plans_folder, faults);
    if (read_folder(&folders[1], !config->calendars_folder, faults) < 0)
        rc = -EINVAL;
    config->plans = (struct plans){ folders[0].n, plans };
    config->calendars = (struct calendars){ folders[1].n, calendars };
    return rc;
}
