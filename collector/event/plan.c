#include "collector/event/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "collector/event/calendar.h"
#include "collector/event/datafile.h"
#include "collector/event/holidays.h"

enum { RANK_MAX = 99, REPORT_DAY_MAX = 28, WORKING_DAYS_MAX = 30 };
#define WITHIN_MAX_US (30.0 * 86400 * US_PER_S)

/* ---- the form of the file ---- */

static const char *const grant_names[] = { [GRANT_ASSURANCE] = "assurance", [GRANT_ADVICE] = "advice" };

static const char *const class_names[] = {
    [CLASS_CORE_DOWN] = "core-down",
    [CLASS_PRODUCTION_DOWN] = "production-down",
    [CLASS_PRODUCTION_ABNORMAL] = "production-abnormal",
    [CLASS_SYSTEM_ABNORMAL] = "system-abnormal",
    [CLASS_GUIDANCE] = "guidance",
    [CLASS_COUNT] = NULL,
};

static const char *const channel_names[] = {
    [CHANNEL_TICKETS] = "tickets",
    [CHANNEL_HOTLINE] = "hotline",
    [CHANNEL_LINE] = "line",
    [CHANNEL_IM_GROUP] = "im-group",
    [CHANNEL_SERVICE_MANAGER] = "service-manager",
    [CHANNEL_COUNT] = NULL,
};

struct response_item {
    int class;
    int64_t within_us;
    int64_t working_days;
    int line;
};

struct version_item {
    const char *from;
    int64_t days[GRANT_COUNT], lead[GRANT_COUNT];
    struct config_list responses;
    unsigned channels;
    int64_t report_day;
    bool care;
    int line;
};

struct file {
    const char *title;
    int64_t rank;
    bool drill;
    struct config_list versions;
};

static const struct config_field response_fields[] = {
    { .key = "class",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct response_item, class),
      .required = true,
      .choices = class_names },
    { .key = "within",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct response_item, within_us),
      .least = 60.0 * US_PER_S,
      .most = WITHIN_MAX_US,
      .help = "1m to 30d" },
    { .key = "working_days",
      .kind = CONFIG_INT,
      .at = offsetof(struct response_item, working_days),
      .least = 1,
      .most = WORKING_DAYS_MAX },
    { .key = NULL },
};

#define NUMBER(key_, member, most_)                                                                                    \
    {                                                                                                                  \
        .key = (key_), .kind = CONFIG_INT, .at = offsetof(struct version_item, member), .most = (most_)                \
    }

static const struct config_field version_fields[] = {
    { .key = "from",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct version_item, from),
      .required = true,
      .least = 10,
      .most = 10,
      .help = "the day from which on it holds: 2026-01-01" },
    NUMBER("assurance_days", days[GRANT_ASSURANCE], PLAN_DAYS_MAX),
    NUMBER("assurance_lead", lead[GRANT_ASSURANCE], HOLIDAYS_LEAD_MAX),
    NUMBER("advice_days", days[GRANT_ADVICE], PLAN_DAYS_MAX),
    NUMBER("advice_lead", lead[GRANT_ADVICE], HOLIDAYS_LEAD_MAX),
    { .key = "responses",
      .kind = CONFIG_LIST,
      .at = offsetof(struct version_item, responses),
      .most = CLASS_COUNT,
      .items = response_fields,
      .item_size = sizeof(struct response_item),
      .line_at = 1 + offsetof(struct response_item, line),
      .help = "one a class of case" },
    { .key = "channels",
      .kind = CONFIG_FLAGS,
      .at = offsetof(struct version_item, channels),
      .choices = channel_names },
    NUMBER("report_day", report_day, REPORT_DAY_MAX),
    { .key = "care", .kind = CONFIG_BOOL, .at = offsetof(struct version_item, care) },
    { .key = NULL },
};

static const struct config_field file_fields[] = {
    { .key = "title",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct file, title),
      .required = true,
      .least = 1,
      .most = PLAN_TITLE_MAX },
    { .key = "rank",
      .kind = CONFIG_INT,
      .at = offsetof(struct file, rank),
      .required = true,
      .most = RANK_MAX,
      .help = "0 to 99: of two plans the higher is the greater one" },
    { .key = "drill", .kind = CONFIG_BOOL, .at = offsetof(struct file, drill) },
    { .key = "versions",
      .kind = CONFIG_LIST,
      .at = offsetof(struct file, versions),
      .required = true,
      .least = 1,
      .most = PLAN_VERSIONS_MAX,
      .items = version_fields,
      .item_size = sizeof(struct version_item),
      .line_at = 1 + offsetof(struct version_item, line),
      .help = "1 to 16 versions" },
    { .key = NULL },
};

/* ---- what single values cannot show ---- */

struct taking {
    const char *path;
    struct config_faults *faults;
};

static void take_response(const struct taking *t, const struct response_item *item, struct plan_version *ret)
{
    struct plan_response *response = &ret->response[item->class];
    const char *class = class_names[item->class];
    if (response->within_us != 0 || response->working_days != 0)
        config_fault(t->faults, t->path, item->line, "class %s stands twice", class);
    if ((item->within_us == 0) == (item->working_days == 0))
        config_fault(t->faults, t->path, item->line, "class %s wants either `within` or `working_days`", class);
    *response = (struct plan_response){ .within_us = item->within_us, .working_days = (int)item->working_days };
}

/* A graver case is not answered later than a lighter one. */
static void check_responses(const struct taking *t, const struct version_item *item, const struct plan_version *version)
{
    int64_t before_us = 0;
    for (int i = 0; i < CLASS_COUNT; i++) {
        int64_t within_us = version->response[i].within_us;
        if (within_us != 0 && within_us < before_us)
            config_fault(t->faults, t->path, item->line, "class %s is answered sooner than a graver one",
                         class_names[i]);
        if (within_us != 0)
            before_us = within_us;
    }
}

static void take_version(const struct taking *t, const struct version_item *item, struct plan_version *ret)
{
    datafile_day(t->path, item->line, "from", item->from, &ret->from, t->faults);
    for (int i = 0; i < GRANT_COUNT; i++) {
        ret->days[i] = (int)item->days[i];
        ret->lead[i] = (int)item->lead[i];
    }
    const struct response_item *responses = item->responses.at;
    for (size_t i = 0; i < item->responses.n; i++)
        take_response(t, &responses[i], ret);
    check_responses(t, item, ret);
    ret->channels = item->channels;
    ret->report_day = (int)item->report_day;
    ret->care = item->care;
}

static int take(const char *path, const void *from, void *ret, struct config_faults *faults)
{
    const struct file *file = from;
    size_t before = faults->n;
    struct taking t = { path, faults };
    struct plan plan = { .rank = (int)file->rank, .drill = file->drill, .n_versions = file->versions.n };
    const struct version_item *items = file->versions.at;
    datafile_name(path, plan.name, sizeof plan.name, faults);
    if (strcmp(plan.name, PLAN_NONE) == 0)
        config_fault(faults, path, 0, "the name %s is kept for no plan at all", PLAN_NONE);
    snprintf(plan.title, sizeof plan.title, "%s", file->title);
    for (size_t i = 0; i < plan.n_versions; i++) {
        take_version(&t, &items[i], &plan.versions[i]);
        if (i > 0 && plan.versions[i].from <= plan.versions[i - 1].from)
            config_fault(faults, path, items[i].line, "from %s is not behind %s: want versions ascending",
                         items[i].from, items[i - 1].from);
    }
    if (faults->n > before)
        return -EINVAL;
    *(struct plan *)ret = plan;
    return 0;
}

static const struct datafile_kind kind = { file_fields, sizeof(struct file), take };

int plan_read(const char *path, struct plan *ret, struct config_faults *faults)
{
    return datafile_read(&kind, path, NULL, 0, ret, faults);
}

int plan_parse(const char *name, const char *text, size_t len, struct plan *ret, struct config_faults *faults)
{
    return datafile_read(&kind, name, text, len, ret, faults);
}

/* ---- asking ---- */

const struct plan *plans_find(const struct plans *plans, const char *name)
{
    for (size_t i = 0; i < plans->n; i++)
        if (strcmp(plans->at[i].name, name) == 0)
            return &plans->at[i];
    return NULL;
}

const struct plan_version *plan_on(const struct plan *plan, int64_t day)
{
    const struct plan_version *found = NULL;
    for (size_t i = 0; i < plan->n_versions && plan->versions[i].from <= day; i++)
        found = &plan->versions[i];
    return found;
}

const char *grant_name(enum grant grant)
{
    return grant_names[grant];
}

const char *plan_class_name(enum plan_class class)
{
    return class_names[class];
}

const char *plan_channel_name(enum plan_channel channel)
{
    return channel_names[channel];
}
