/* collector/event/document_form.h - a document as base/config reads it: texts in an arena, lines beside them. For
 * document_form.c, which has the tables, and document_take.c, which checks it and takes it into a document. */
#pragma once
#include "collector/event/document.h"

struct tier_item {
    const char *hosts;
    int tier;
    int line;
};

struct limits_item {
    const char *hosts;
    double limits[LIMIT_COUNT];
    int line;
};

struct demand_item {
    const char *hosts;
    const char *metric;
    double times;
    double value;
    int tier; /* -1: of all */
    const char *start;
    int64_t ramp_us;
    int64_t duration_us;
    int line;
};

struct step_item {
    int64_t after_us;
    const char *contacts;
    int line;
};

struct runbook_item {
    const char *title;
    const char *url;
    int line;
};

struct rule_item {
    const char *rule;
    const char *hosts;
    const char *above;
    const char *below;
    const char *clear;
    const char *hold;
    const char *severity;
    const char *page;
    const char *off;
    int line;
};

struct form {
    const char *name;
    const char *zone;
    const char *first_day;
    int64_t days;
    bool drill;
    int64_t patrol_us;
    struct config_texts hosts;
    struct config_texts labels;
    struct config_list tiers;
    struct config_list limits;
    struct config_list demand;
    struct config_texts contacts;
    struct config_list escalation;
    const char *notes;
    struct config_list runbooks;
    struct config_list rules;
    int line[DOCUMENT_FIELD_COUNT];
};

/* A row for each field, in the order of the enum. */
extern const struct config_field document_fields[DOCUMENT_FIELD_COUNT + 1];
