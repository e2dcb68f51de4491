/* What those hear who follow an event from afar, a group's robot say: its course, its rounds, its hand-overs. Nobody
 * has to act upon it: it goes behind all pages. */
#include <stdarg.h>
#include <stdio.h>

#include "collector/parts.h"
#include "collector/patrol/patrol.h"

enum { SAID_ROOM = 1024 }; /* the pager cuts, between characters */

struct saying {
    char in[LANGUAGE_COUNT][SAID_ROOM];
};

static void put(struct saying *saying, enum language language, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put(struct saying *saying, enum language language, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(saying->in[language], SAID_ROOM, format, args);
    va_end(args);
}

static void say(struct collector *collector, const struct event *event, const struct saying *saying)
{
    char english[SAID_ROOM + EVENT_NAME_MAX + 16], chinese[sizeof english];
    const struct page_said said = { .in = { [LANGUAGE_EN] = english, [LANGUAGE_ZH] = chinese } };
    snprintf(english, sizeof english, "%s%s: %s", event->drill ? "DRILL: " : "", event->name, saying->in[LANGUAGE_EN]);
    snprintf(chinese, sizeof chinese, "%s%s：%s", event->drill ? "演练：" : "", event->name, saying->in[LANGUAGE_ZH]);
    if (pager_chatter(collector->pager, event->tenant, &said, now_us(collector), &collector->effects) < 0)
        log_event(&collector->log, LOG_ERROR, "chatter_not_kept", KV_TEXT("event_name", event->name),
                  KV_TEXT("error", "out of memory"));
}

void chatter_change(struct collector *collector, const struct event *event, const struct event_change *change)
{
    static const char *const states[EVENT_STATE_COUNT] = {
        [EVENT_DRAFT] = "起草中",     [EVENT_REQUESTED] = "已申请",    [EVENT_ACCEPTED] = "已受理",
        [EVENT_CHECKED] = "已核查",   [EVENT_ARMED] = "已进入战备",    [EVENT_LIVE] = "保障进行中",
        [EVENT_CLOSING] = "收尾中",   [EVENT_REPORTED] = "已提交报告", [EVENT_CLOSED] = "已结束",
        [EVENT_CANCELLED] = "已取消",
    };
    struct saying saying;
    bool why = change->reason[0];
    if (change->what == EVENT_ARMING) {
        put(&saying, LANGUAGE_EN, "to be armed when all its hosts are ready, for %s", change->by);
        put(&saying, LANGUAGE_ZH, "所有主机就绪后进入战备，操作者 %s", change->by);
    } else if (change->what == EVENT_STEPPED) {
        put(&saying, LANGUAGE_EN, "%s, by %s%s%s", event_state_name(change->to), change->by, why ? ": " : "",
            why ? change->reason : "");
        put(&saying, LANGUAGE_ZH, "%s，操作者 %s%s%s", states[change->to], change->by, why ? "：" : "",
            why ? change->reason : "");
    } else {
        return;
    }
    say(collector, event, &saying);
}

static const char *round_word(enum patrol_state state)
{
    static const char *const words[] = { [PATROL_KEPT] = "按时", [PATROL_LATE] = "延迟", [PATROL_MISSED] = "缺失" };
    return words[state];
}

/* Its worst finding, and how many there are. */
void chatter_round(struct collector *collector, const struct event *event, const struct patrol_round *round,
                   const struct patrol_report *report)
{
    const struct patrol_finding *worst = NULL;
    struct saying saying;
    char line[PAGE_TEXT_MAX - 64];
    size_t found = 0;
    for (int i = 0; i < PATROL_CHECK_COUNT; i++) {
        const struct patrol_result *result = &report->results[i];
        found += result->found;
        if (result->found > 0 && (!worst || result->findings[0].severity > worst->severity))
            worst = &result->findings[0];
    }
    const char *state = patrol_state_name(round->state), *word = round_word(round->state);
    if (worst) {
        patrol_finding_line(line, sizeof line, worst);
        put(&saying, LANGUAGE_EN, "round %u of patrol (%s): %zu found; %s", round->k, state, found, line);
        put(&saying, LANGUAGE_ZH, "第 %u 轮巡检（%s）：发现 %zu 项；%s", round->k, word, found, line);
    } else {
        put(&saying, LANGUAGE_EN, "round %u of patrol (%s): nothing found", round->k, state);
        put(&saying, LANGUAGE_ZH, "第 %u 轮巡检（%s）：未发现异常", round->k, word);
    }
    say(collector, event, &saying);
}

void chatter_missed(struct collector *collector, const struct event *event, const struct patrol_round *first,
                    unsigned n, const char *cause)
{
    struct saying saying;
    put(&saying, LANGUAGE_EN, "%u round%s of patrol missed from round %u on: %s", n, n == 1 ? "" : "s", first->k,
        cause);
    put(&saying, LANGUAGE_ZH, "自第 %u 轮起缺失 %u 轮巡检：%s", first->k, n, cause);
    say(collector, event, &saying);
}

void chatter_handover(struct collector *collector, const struct event *event, const char *by, const char *note)
{
    struct saying saying;
    put(&saying, LANGUAGE_EN, "handed over by %s: %s", by, note);
    put(&saying, LANGUAGE_ZH, "%s 交班：%s", by, note);
    say(collector, event, &saying);
}
