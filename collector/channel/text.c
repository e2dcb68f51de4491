/* A message is a headline, a list and an end. Headline and end are always there, so they are bounded by what they are
 * made of; the list takes the room that is left. What is in the list: of one incident what is known of it and its
 * alerts, of several one line each, of a text its lines. */
#include "collector/channel/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/utf8.h"

enum { LINE_ROOM = 640, END_ROOM = 768, MORE_ROOM = 32 };

enum phrase {
    INFO,
    WARNING,
    CRITICAL,
    RESOLVED,
    TEST,
    INCIDENTS,
    WHOSE,
    CROSSED,
    ANSWER_BY,
    RESOLVED_AT,
    ALERT,
    MORE,
    EXERCISE,
    REHEARSED,
    NOTHING_WRONG,
    NOTHING_WAS,
    LATE,
    BREACHED,
    COMES_BACK,
    UNRECORDED,
    COPY,
    TEST_END,
    TO_ANSWER,
    PHRASE_COUNT
};

/* Formats: every phrase takes the same arguments in both languages. */
static const char *const phrases[LANGUAGE_COUNT][PHRASE_COUNT] = {
    [LANGUAGE_EN] = {
        [INFO] = "info",
        [WARNING] = "warning",
        [CRITICAL] = "critical",
        [RESOLVED] = "resolved",
        [TEST] = "test",
        [INCIDENTS] = "[%s] %zu incidents, first: %s",
        [WHOSE] = "customer %s, event %s, group %s, incident %s",
        [CROSSED] = "since %s",
        [ANSWER_BY] = "answer by %s",
        [RESOLVED_AT] = "resolved at %s by %s",
        [ALERT] = "- %s: %s%s",
        [MORE] = "+%zu more",
        [EXERCISE] = "This is an exercise.",
        [REHEARSED] = "REHEARSAL",
        [NOTHING_WRONG] = "This is a rehearsal of the way to you: nothing is wrong. Please answer as always.",
        [NOTHING_WAS] = "The rehearsal is over: nothing was wrong.",
        [LATE] = "Found late: the samples came after a gap.",
        [BREACHED] = "Its ten minutes have passed.",
        [COMES_BACK] = "It comes and goes; this time it has stayed.",
        [UNRECORDED] = "Not on record yet: the war room's disk is at fault.",
        [COPY] = "You may have had this message before.",
        [TEST_END] = "This is a test of the way to you. There is nothing to do.",
        [TO_ANSWER] = "To answer: warroom incident ack %s",
    },
    [LANGUAGE_ZH] = {
        [INFO] = "提示",
        [WARNING] = "警告",
        [CRITICAL] = "严重",
        [RESOLVED] = "已恢复",
        [TEST] = "测试",
        [INCIDENTS] = "[%s] 共 %zu 个事件，首个：%s",
        [WHOSE] = "客户 %s，保障活动 %s，分组 %s，事件编号 %s",
        [CROSSED] = "开始于 %s",
        [ANSWER_BY] = "请在 %s 前响应",
        [RESOLVED_AT] = "恢复于 %s，操作者 %s",
        [ALERT] = "- %s：%s%s",
        [MORE] = "+%zu 条未显示",
        [EXERCISE] = "这是一次演练。",
        [REHEARSED] = "演练",
        [NOTHING_WRONG] = "这是通知链路的演练，并无真实故障。请像处理真实告警一样响应。",
        [NOTHING_WAS] = "演练结束，并无真实故障。",
        [LATE] = "发现较晚：数据在中断之后才到达。",
        [BREACHED] = "已超过十分钟时限。",
        [COMES_BACK] = "该问题反复出现，本次已持续存在。",
        [UNRECORDED] = "尚未记录在案：作战室的磁盘出现故障。",
        [COPY] = "您可能已经收到过本消息。",
        [TEST_END] = "这是一条通知渠道测试消息，无需处理。",
        [TO_ANSWER] = "响应命令：warroom incident ack %s",
    },
};

struct sheet {
    char *at;
    size_t len, room; /* with the terminator */
};

static const char *phrase(const struct message *message, enum phrase which)
{
    return phrases[message->language][which];
}

/* One line's text made fit to be shown, in place; one that was cut may not end within a character. */
static void clean_line(char line[LINE_ROOM], bool cut)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    size_t len = strlen(line);
    if (cut) {
        len = LINE_ROOM - sizeof ellipsis;
        while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80)
            len--;
    }
    len = utf8_clean(line, len, line, len);
    memcpy(line + len, ellipsis, cut ? sizeof ellipsis : 0);
    line[cut ? len + sizeof ellipsis - 1 : len] = '\0';
}

/* Adds a line when it and `keep` bytes more fit. */
static bool put_line(struct sheet *sheet, size_t keep, const char *line)
{
    size_t len = strlen(line);
    if (sheet->len + len + 1 + keep >= sheet->room)
        return false;
    memcpy(sheet->at + sheet->len, line, len);
    sheet->len += len;
    sheet->at[sheet->len++] = '\n';
    sheet->at[sheet->len] = '\0';
    return true;
}

/* The formats are the phrases above, and the lines that hold nothing to be read in a language. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void format_line(char line[LINE_ROOM], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, LINE_ROOM, format, args);
    va_end(args);
    clean_line(line, len >= LINE_ROOM);
}
#pragma GCC diagnostic pop

static const char *instant(char text[MOMENT_TEXT], int64_t at_us)
{
    moment_format(text, at_us);
    char *fraction = strchr(text, '.');
    if (fraction)
        memcpy(fraction, "Z", 2);
    return text;
}

enum { NUMBER_ROOM = 24 };

static const char *number(char text[NUMBER_ROOM], uint64_t value)
{
    snprintf(text, NUMBER_ROOM, "%" PRIu64, value);
    return text;
}

static const char *severity_word(const struct message *message, enum severity severity)
{
    static const enum phrase words[] = {
        [SEVERITY_INFO] = INFO,
        [SEVERITY_WARNING] = WARNING,
        [SEVERITY_CRITICAL] = CRITICAL,
    };
    return phrase(message, words[severity]);
}

static const char *item_word(const struct message *message, const struct message_item *item)
{
    if (item->incident->rehearsal)
        return phrase(message, REHEARSED);
    return message->kind == MESSAGE_RESOLVE ? phrase(message, RESOLVED)
                                            : severity_word(message, item->incident->severity);
}

static const char *worst_word(const struct message *message)
{
    const struct message_item *worst = message->items;
    for (size_t i = 1; i < message->n_items; i++)
        if (message->items[i].incident->severity > worst->incident->severity)
            worst = &message->items[i];
    return item_word(message, worst);
}

/* The word before it says what a rehearsal's begins with. */
static const char *item_title(const struct message_item *item)
{
    size_t mark = sizeof REHEARSAL_MARK - 1;
    const char *title = item->incident->title;
    return item->incident->rehearsal && strncmp(title, REHEARSAL_MARK, mark) == 0 ? title + mark : title;
}

static void headline(const struct message *message, char line[LINE_ROOM])
{
    if (message->n_items > 1)
        format_line(line, phrase(message, INCIDENTS), worst_word(message), message->n_items,
                    message->items->incident->title);
    else if (message->n_items == 1)
        format_line(line, "[%s] %s", item_word(message, message->items), item_title(message->items));
    else if (message->kind == MESSAGE_TEST)
        format_line(line, "[%s] Warroom", phrase(message, TEST));
    else
        format_line(line, "%.*s", (int)strcspn(message->text, "\n"), message->text);
}

char *text_headline(const struct message *message, char ret[HEADLINE_ROOM])
{
    char line[LINE_ROOM];
    headline(message, line);
    size_t len = utf8_cut(line, strlen(line), HEADLINE_ROOM - 1);
    memcpy(ret, line, len);
    ret[len] = '\0';
    return ret;
}

static bool any_item(const struct message *message, bool (*is)(const struct message_item *item))
{
    for (size_t i = 0; i < message->n_items; i++)
        if (is(&message->items[i]))
            return true;
    return false;
}

static bool is_drill(const struct message_item *item)
{
    return item->drill;
}

/* People were to be told only once it had stayed. */
static bool was_held(const struct message_item *item)
{
    return item->incident->damped_us > 0 && item->incident->resolved_us == 0;
}

static bool is_late(const struct message_item *item)
{
    return item->incident->late;
}

static bool is_breached(const struct message_item *item)
{
    return item->incident->breached;
}

static bool is_unrecorded(const struct message_item *item)
{
    return item->unrecorded;
}

static void put_end(const struct message *message, struct sheet *sheet)
{
    static const struct {
        bool (*is)(const struct message_item *item);
        enum phrase mark;
    } marks[] = { { is_drill, EXERCISE },
                  { is_late, LATE },
                  { is_breached, BREACHED },
                  { was_held, COMES_BACK },
                  { is_unrecorded, UNRECORDED } };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (any_item(message, marks[i].is))
            put_line(sheet, 0, phrase(message, marks[i].mark));
    if (message->possible_copy)
        put_line(sheet, 0, phrase(message, COPY));
    if (message->kind == MESSAGE_TEST)
        put_line(sheet, 0, phrase(message, TEST_END));
    char line[LINE_ROOM], id[NUMBER_ROOM];
    if (message->kind == MESSAGE_TRIGGER && message->n_items > 0) {
        format_line(line, phrase(message, TO_ANSWER), number(id, message->items->incident->id));
        put_line(sheet, 0, line);
    }
}

struct list { /* the middle of a message being written */
    const struct message *message;
    struct sheet *sheet;
    size_t keep; /* for the end, and for saying how much was left out */
    size_t left_out;
};

/* Once one has not fitted none follows: what is shown is the beginning. */
static void list_line(struct list *list, const char *line)
{
    if (list->left_out > 0 || !put_line(list->sheet, list->keep, line))
        list->left_out++;
}

static const char *or_dash(const char *name)
{
    return name[0] ? name : "-";
}

static void list_deadline(struct list *list, const struct incident *incident)
{
    const struct message *message = list->message;
    char line[LINE_ROOM], at[MOMENT_TEXT];
    if (message->kind == MESSAGE_RESOLVE)
        format_line(line, phrase(message, RESOLVED_AT), instant(at, incident->resolved_us),
                    or_dash(incident->resolved_by));
    else
        format_line(line, phrase(message, ANSWER_BY), instant(at, incident_budget_from(incident) + PAGE_BUDGET_US));
    list_line(list, line);
}

static void list_alert(struct list *list, const struct incident_alert *alert)
{
    char line[LINE_ROOM], value[32] = "";
    if (isfinite(alert->alert.value) && alert->alert.state == ALERT_FIRING)
        snprintf(value, sizeof value, " (%.6g)", alert->alert.value);
    format_line(line, phrase(list->message, ALERT), alert->host_name, alert->summary, value);
    list_line(list, line);
}

static void list_alerts(struct list *list, const struct message_item *item, bool firing)
{
    for (size_t i = 0; i < item->n_alerts; i++)
        if ((item->alerts[i].alert.state == ALERT_FIRING) == firing)
            list_alert(list, &item->alerts[i]);
}

static void list_incident(struct list *list, const struct message_item *item)
{
    const struct message *message = list->message;
    const struct incident *incident = item->incident;
    char line[LINE_ROOM], at[MOMENT_TEXT], id[NUMBER_ROOM];
    if (incident->rehearsal)
        list_line(list, phrase(message, message->kind == MESSAGE_RESOLVE ? NOTHING_WAS : NOTHING_WRONG));
    format_line(line, phrase(message, WHOSE), item->tenant_name, or_dash(item->event_name), or_dash(incident->group),
                number(id, incident->id));
    list_line(list, line);
    format_line(line, phrase(message, CROSSED), instant(at, incident->crossed_us));
    list_line(list, line);
    list_deadline(list, incident);
    list_alerts(list, item, true);
    if (message->kind == MESSAGE_TRIGGER) /* firing ones first; what else belongs to it after them */
        list_alerts(list, item, false);
}

static void list_incidents(struct list *list)
{
    const struct message *message = list->message;
    for (size_t i = 0; i < message->n_items; i++) {
        const struct message_item *item = &message->items[i];
        char line[LINE_ROOM];
        format_line(line, "- #%" PRIu64 " [%s] %s (%s%s%s)", item->incident->id, item_word(message, item),
                    item->incident->title, item->tenant_name, item->event_name[0] ? ", " : "", item->event_name);
        list_line(list, line);
    }
}

static void list_text(struct list *list)
{
    const char *rest = list->message->text;
    if (list->message->kind != MESSAGE_TEST) { /* its first line is the headline */
        rest += strcspn(rest, "\n");
        rest += *rest == '\n';
    }
    while (*rest) {
        char line[LINE_ROOM];
        size_t len = strcspn(rest, "\n");
        format_line(line, "%.*s", (int)len, rest);
        list_line(list, line);
        rest += len + (rest[len] == '\n');
    }
}

static void put_list(const struct message *message, struct sheet *sheet, size_t keep)
{
    struct list list = { .message = message, .sheet = sheet, .keep = keep + MORE_ROOM };
    if (message->n_items > 1)
        list_incidents(&list);
    else if (message->n_items == 1)
        list_incident(&list, message->items);
    else
        list_text(&list);
    if (list.left_out == 0)
        return;
    char line[LINE_ROOM];
    format_line(line, phrase(message, MORE), list.left_out);
    put_line(sheet, keep, line);
}

char *text_of(const struct message *message, size_t room)
{
    assert(room >= TEXT_ROOM_MIN && room <= TEXT_ROOM_MAX && (message->n_items > 0 || message->text));
    AUTO(auto_free) char *text = malloc(room);
    if (!text)
        return NULL;
    char end_text[END_ROOM] = "", line[LINE_ROOM];
    struct sheet end = { end_text, 0, sizeof end_text };
    struct sheet sheet = { text, 0, room };
    put_end(message, &end);
    headline(message, line);
    put_line(&sheet, 0, line);
    put_list(message, &sheet, end.len);
    memcpy(text + sheet.len, end_text, end.len);
    text[sheet.len + end.len - 1] = '\0'; /* no line feed at the very end */
    return TAKE(text);
}
