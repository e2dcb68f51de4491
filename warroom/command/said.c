/* A sentence is a text with fields of the entry in it:
 *   {key}      its value; a list's items, or how many they are when they are objects
 *   {key:day}  a count with its noun: "1 day", "3 days"
 *   {key?}     nothing, but it has to be there (in [...])
 *   [...]      left out when a field in it is not there, empty, zero or false
 * Instants, keys that end in _us, are told as times. */
#include "warroom/command/said.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"

enum { KEY_MAX = 32 };

static const struct sentence {
    const char *kind;
    const char *what; /* NULL: whatever it was */
    const char *text;
} sentences[] = {
    { "event", "created", "it was written down" },
    { "event", "arming", "to be armed, as soon as all its hosts report each second[: {reason}]" },
    { "event", "opened-unarmed", "its window opened, and it was not armed" },
    { "event", NULL,
      "{to}, was {from}[: {reason}][; gates overridden: {overridden}][; {late_s} s late][; asked late{late_request?}: "
      "{lead}]" },
    { "document", NULL, "written in its document: {changed}[; because: {reason}]" },
    { "gate", NULL, "gate {gate} {state}[: {evidence}][; because: {reason}]" },
    { "incident", "noted", "noted: {text}" },
    { "incident", "warned", "warned, {severity}: {text}: {title}" },
    { "incident", "assigned", "assigned to {text}: {title}" },
    { "incident", "breached", "breached, {severity}: {title}[; {text}]" },
    { "incident", NULL, "{what}, {severity}: {title}[; found late{late?}][; its ten minutes were broken{breached?}]" },
    { "page", NULL,
      "{for} to {contact}[ by {channel}]: {what}[: {error}][, with {with:other}][; because {why}]"
      "[; maybe a second copy{possible_copy?}][; before it was on record{unrecorded?}]; page {page}, attempt "
      "{attempt}" },
    { "rehearsal", "started", "rehearsal begun, with {host}" },
    { "rehearsal", "crossed", "rehearsal: {host} has said so, everybody is told" },
    { "rehearsal", NULL, "rehearsal with {host} {what}: {evidence}" },
    { "round", NULL, "round {k} ({phase}) {state}[: {cause}][; {findings:finding}][; {left_out} more left out]" },
    { "handover", NULL, "{note}" },
    { "ledger", "accepted", "accepted as it is, signed up to entry {signed} before: {broken}; because: {reason}" },
    { "silence", NULL, "{what}: silence {silence} over {hosts}, rule {rule}, of {owner} until {to_us}[: {reason}]" },
    { "contact", "tested", "tested {contact}: {delivered} of {tried:way} took it" },
    { "oncall", NULL, "{contact} on duty for {rota} from {from_us} to {to_us}: {reason}" },
    { "notice", NULL,
      "{what}: notice {notice}, {kind} over {hosts} from {from_us} to {to_us}: {title}[; answer: {answer}]" },
    { "contract", "bought", "bought: pack {pack}, {days:day} of {kind} for what begins from {from_day} to {to_day}" },
    { "contract", NULL,
      "{what}: contract {contract}, plan {plan} for {years:year} from {first_day} of {zone}, working days of "
      "{calendar}" },
    { "draw", NULL, "{what}: {days:day} of {kind} from {first_day}" },
};

static const char *find(const char *kind, const char *what)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        if (strcmp(sentences[i].kind, kind) == 0 && (!sentences[i].what || strcmp(sentences[i].what, what) == 0))
            return sentences[i].text;
    return "{what}"; /* of a newer collector */
}

struct saying {
    char *text; /* SAID_MAX */
    const json_t *body;
    int64_t now_us;
};

static void add(struct saying *saying, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct saying *saying, const char *format, ...)
{
    size_t used = strlen(saying->text);
    va_list args;
    va_start(args, format);
    vsnprintf(saying->text + used, SAID_MAX - used, format, args);
    va_end(args);
}

static bool is_there(const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) > 0;
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_object(value))
        return json_object_size(value) > 0;
    return json_is_number(value) ? json_number_value(value) != 0 : json_is_true(value);
}

/* Names of a list or of an object's keys; items that have no name are counted. */
static void add_names(struct saying *saying, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i, n = 0;
    json_object_foreach((json_t *)value, key, item) add(saying, "%s%s", n++ ? ", " : "", key);
    json_array_foreach(value, i, item) if (json_is_string(item))
        add(saying, "%s%s", n++ ? ", " : "", json_string_value(item));
    if (n == 0)
        add(saying, "%zu", json_array_size(value));
}

static void add_value(struct saying *saying, const char *key, const json_t *value)
{
    char text[HUMAN_TEXT];
    size_t len = strlen(key);
    if (len > 3 && strcmp(key + len - 3, "_us") == 0 && json_is_integer(value))
        add(saying, "%s", human_time(text, json_integer_value(value), saying->now_us));
    else if (json_is_integer(value))
        add(saying, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        add(saying, "%.0f", json_real_value(value));
    else if (json_is_array(value) || json_is_object(value))
        add_names(saying, value);
    else if (json_is_string(value) && json_string_length(value) > 0)
        add(saying, "%.*s", (int)strcspn(json_string_value(value), "\n"), json_string_value(value));
    else
        add(saying, FIELD_NONE);
}

/* `at` is behind the brace. Returns what is behind the closing one. */
static const char *add_field(struct saying *saying, const char *at, bool *ret_there)
{
    char key[KEY_MAX];
    size_t len = strcspn(at, "?:}");
    const char *noun = at[len] == ':' ? at + len + 1 : NULL;
    const char *end = at + strcspn(at, "}");
    snprintf(key, sizeof key, "%.*s", (int)len, at);
    const json_t *value = json_object_get(saying->body, key);
    *ret_there = is_there(value);
    if (at[len] != '?')
        add_value(saying, key, value);
    if (noun) {
        int64_t n = json_is_array(value) ? (int64_t)json_array_size(value) : json_integer_value(value);
        add(saying, " %.*s%s", (int)(end - noun), noun, n == 1 ? "" : "s");
    }
    return end + 1;
}

/* A part in brackets is written down and taken back when something in it is not there. */
const char *said_text(char text[SAID_MAX], const char *kind, const json_t *body, int64_t now_us)
{
    struct saying saying = { text, body, now_us };
    size_t part = 0;
    bool whole = true;
    text[0] = '\0';
    for (const char *at = find(kind, field_text(body, "what")); *at;) {
        bool there = true;
        if (*at == '{') {
            at = add_field(&saying, at + 1, &there);
            whole = whole && there;
            continue;
        }
        if (*at == '[') {
            part = strlen(text);
            whole = true;
        } else if (*at != ']') {
            add(&saying, "%c", *at);
        } else if (!whole) {
            text[part] = '\0';
        }
        at++;
    }
    return text;
}
