#include "warroom/command/verb.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct param params[] = {
    { "tenant", "tenant", "NAME", PARAM_TEXT, NULL, "the customer, by name or number" },
    { "name", "name", "NAME", PARAM_TEXT, NULL, "the name it gets" },
    { "host", "host", "HOST", PARAM_TEXT, NULL, "a host, by name or id" },
    { "event", "event", "EVENT", PARAM_TEXT, NULL, "an event, by name or number" },
    { "incident", "incident", "NUMBER", PARAM_ID, NULL, "the incident's number" },
    { "metric", "metric", "METRIC", PARAM_TEXT, NULL, "a key of docs/metrics.md: system.cpu.utilization" },
    { "group", "group", "NAME", PARAM_TEXT, NULL,
      "hosts of one group share an incident; the host's own name if not given" },
    { "labels", "label", "KEY=VALUE", PARAM_LIST, NULL,
      "what events may mean it by; again for more, KEY= takes it away" },
    { "named", "hosts", "GLOBS", PARAM_FIELD, NULL, "names or globs, separated by commas: 'web-*,db-1'" },
    { "having", "label", "KEY=GLOB", PARAM_FIELDS, NULL, "hosts whose labels fit, too; again for more, all must fit" },
    { "document", "file", "FILE", PARAM_TEXT, NULL,
      "its document (YAML, docs/event-file.md), - is standard input; also -f" },
    { "drill", "drill", NULL, PARAM_FLAG, NULL, "an exercise: no lead time, nothing drawn, no gates" },
    { "patrol", "patrol", "SPAN", PARAM_TEXT, NULL, "between its rounds of patrol: 1m to 60m; 10m if not given" },
    { "tiers", "tiers", "YAML", PARAM_FIELD, NULL, "as in a document, '' for none: '[{hosts: \"db-*\", tier: core}]'" },
    { "limits", "limits", "YAML", PARAM_FIELD, NULL, "likewise: '[{hosts: \"web-*\", egress: 125000000}]'" },
    { "demand", "demand", "YAML", PARAM_FIELD, NULL, "likewise: '[{hosts: \"web-*\", metric: ..., times: 3}]'" },
    { "contacts", "contacts", "NAMES", PARAM_FIELDS, NULL, "who is told; again for more" },
    { "escalation", "escalation", "YAML", PARAM_FIELD, NULL, "likewise: '[{after: 0s, contacts: ops}]'" },
    { "runbooks", "runbooks", "YAML", PARAM_FIELD, NULL, "likewise: '[{title: ..., url: https://...}]'" },
    { "notes", "notes", "TEXT", PARAM_FIELD, NULL, "what whoever watches it should know" },
    { "reason", "reason", "TEXT", PARAM_TEXT, NULL, "why, for the record" },
    { "gate", "gate", "GATE", PARAM_TEXT, NULL,
      "the gate: entitlement, verdict, rehearsal, lint, contacts, notices, hosts" },
    { "egress", "egress", "RATE", PARAM_RATE, NULL, "outgoing bandwidth it may use: 100Mbit, 1.5Gbit, 125MB" },
    { "ingress", "ingress", "RATE", PARAM_RATE, NULL, "incoming bandwidth, likewise" },
    { "connections", "connections", "N", PARAM_ID, NULL, "concurrent connections it is good for" },
    { "new_connections", "new-connections", "N", PARAM_ID, NULL, "new connections a second it is good for" },
    { "disk_read", "disk-read", "RATE", PARAM_RATE, NULL, "what each of its disks can read: 200MB" },
    { "disk_write", "disk-write", "RATE", PARAM_RATE, NULL, "what each of its disks can write" },
    { "zone", "zone", "ZONE", PARAM_TEXT, NULL, "IANA time zone whose days are meant: Asia/Shanghai" },
    { "first_day", "from", "DAY", PARAM_DAY, NULL, "first day: 2026-11-23" },
    { "days", "days", "N", PARAM_ID, "1", "whole days" },
    { "plan", "plan", "PLAN", PARAM_TEXT, NULL, "the support plan: warroom plan list; none cancels the contract" },
    { "years", "years", "N", PARAM_ID, NULL, "whole years, 1 to 10" },
    { "calendar", "calendar", "NAME", PARAM_TEXT, NULL, "whose working days are meant: cn, gb-eng" },
    { "grant", "kind", "KIND", PARAM_TEXT, "assurance", "assurance or advice" },
    { "from_day", "from", "DAY", PARAM_DAY, NULL, "good for what begins from this day on" },
    { "to_day", "to", "DAY", PARAM_DAY, NULL, "to this day, included" },
    { "advice", "advice", "NUMBER", PARAM_ID, NULL, "the draw's number: warroom entitlement show" },
    { "hosts", "hosts", "GLOBS", PARAM_TEXT, NULL, "names or globs, separated by commas: 'web-*,db-1'" },
    { "all", "all", NULL, PARAM_FLAG, NULL, "resolved ones too" },
    { "no_wait", "no-wait", NULL, PARAM_FLAG, NULL, "begin it, and do not wait for its end" },
    { "stop", "stop", NULL, PARAM_FLAG, NULL, "end the one that is under way" },
    { "show", "show", NULL, PARAM_FLAG, NULL, "begin none: what became of the last one" },
    { "follow", "follow", NULL, PARAM_FLAG, NULL, "go on telling each change until interrupted" },
    { "instance", "instance", "GLOB", PARAM_TEXT, NULL, "disks, NICs, targets... that match: 'vd*'" },
    { "from", "from", "INSTANT", PARAM_INSTANT, "-1h", "beginning: -90s, -1h, 2026-11-23T10:00:00+08:00" },
    { "to", "to", "INSTANT", PARAM_INSTANT, "now", "end, likewise" },
    { "points", "points", "N", PARAM_ID, "30", "at most this many points a series" },
    { "step_s", "step", "SPAN", PARAM_SPAN, NULL, "points this far apart instead: 10s, 5m, 1h" },
    { "quantiles", "quantiles", NULL, PARAM_FLAG, NULL, "p95 and p99 of each point's samples too, within 1 %" },
    { "by", "by", "WHAT", PARAM_TEXT, "mean", "mean, max or p95" },
    { "most", "most", "N", PARAM_ID, "10", "this many hosts, 200 at most" },
    { "kind", "kind", "KIND", PARAM_TEXT, NULL, "entries of one kind: event, gate, round, incident, page..." },
    { "rule", "rule", "GLOB", PARAM_TEXT, NULL, "rules that match; all but that of silent hosts if not given" },
    { "for_s", "for", "SPAN", PARAM_SPAN, NULL, "how long: 30m, 2h; 7d at most" },
    { "until", "until", "INSTANT", PARAM_INSTANT, NULL, "or its end: 2026-11-23T10:00:00+08:00" },
    { "silence", "silence", "NUMBER", PARAM_ID, NULL, "a silence's number" },
    { "notice", "notice", "NUMBER", PARAM_ID, NULL, "a notice's number" },
    { "notice_kind", "kind", "KIND", PARAM_TEXT, "advisory", "advisory or change" },
    { "colleague", "colleague", "NAME", PARAM_TEXT, NULL, "who has it from now on" },
    { "words", "words", "TEXT", PARAM_TEXT, NULL, "what is to be remembered, in a line" },
    { "starts", "from", "AT", PARAM_INSTANT, NULL, "its beginning: 2026-11-23T10:00:00+08:00" },
    { "ends", "to", "AT", PARAM_INSTANT, NULL, "its end, likewise" },
    { "title", "title", "TEXT", PARAM_TEXT, NULL, "what it is, in a line" },
    { "impact", "impact", "TEXT", PARAM_TEXT, NULL, "what it may mean for these hosts" },
    { "contact", "contact", "CONTACT", PARAM_TEXT, NULL, "a contact of the collector's configuration" },
    { "rota", "rota", "ROTA", PARAM_TEXT, NULL, "an on-call rota of the collector's configuration" },
    { "findings", "findings", NULL, PARAM_FLAG, NULL, "what each round looked at and found, too" },
    { "note", "note", "TEXT", PARAM_TEXT, NULL, "what the next shift has to know" },
    { "oldest", "oldest", NULL, PARAM_FLAG, NULL, "the oldest first" },
    { "entries", "entries", "N", PARAM_ID, "100", "this many entries" },
    { "rule_file", "file", "FILE", PARAM_TEXT, NULL, "other rules than its own (YAML), - is standard input; also -f" },
    { "state", "event-state", "STATE", PARAM_TEXT, NULL, "of an event: armed, live...; no-event if not given" },
    { "file", "file", "FILE", PARAM_TEXT, NULL, "the file; - is standard input" },
    { "data", "data", "FILE", PARAM_TEXT, NULL,
      "history in a file in the place of a host's, with -f; - is standard input" },
    { "format", "format", "FORMAT", PARAM_TEXT, "csv", "csv or openmetrics" },
    { "metrics", "metric", "GLOB", PARAM_TEXT, NULL, "metrics that match: 'system.cpu.*'" },
    { "invitation", "invitation", "ID", PARAM_TEXT, NULL, "an invitation's id, as `host invitations` shows it" },
    { "uses", "uses", "N", PARAM_ID, NULL, "instead of a name: good for this many hosts that are new, for images" },
    { "expires_s", "expires", "SPAN", PARAM_SPAN, NULL,
      "how long it may be joined by: 30m, 24h, 7d; a day if not given" },
    { "public_key", "key", "KEY", PARAM_TEXT, NULL, "the public key you know, 44 letters" },
    { "head", "head", "HEAD", PARAM_TEXT, NULL, "a head you have kept: the whole line" },
    { "output", "output", "FILE", PARAM_TEXT, NULL, "where to write it, - is standard output; also -o" },
};

#define PAGES      "tiers limits demand contacts escalation runbooks notes"
#define QUANTITIES "egress ingress connections new_connections disk_read disk_write"
#define LIMITS     "group labels " QUANTITIES

static const struct verb verbs[] = {
    { "status", "", "status", show_status, "what the collector sees right now, on one screen" },
    { "tenant add <name>", "", "tenant add", show_tenant, "make a customer known" },
    { "tenant list", "", "tenant list", show_tenants, "the customers" },
    { "tenant show <tenant>", "", "tenant show", show_tenant_page, "one customer and its contracts" },
    { "tenant set <tenant>", "first_day! plan years zone calendar", "tenant set", show_contracts,
      "make or change the contract that begins on a day" },
    { "plan list", "", "plan list", show_plans, "the support plans and what they promise" },
    { "entitlement show <tenant>", "", "entitlement show", show_entitlement,
      "what a customer has by contract, bought and drawn" },
    { "entitlement buy <tenant>", "days! from_day! to_day! grant", "entitlement buy", show_pack,
      "add days that were purchased" },
    { "entitlement advise <tenant>", "first_day! days", "entitlement advise", show_draws,
      "ask for working days of architecture advice" },
    { "entitlement cancel <advice>", "tenant!", "entitlement cancel", show_draws,
      "give advice back that has not begun" },
    { "hosts", "tenant", "hosts", show_hosts, "all hosts and how they are" },
    { "host enroll [name]", "tenant! uses expires_s " LIMITS, "host enroll", show_invited,
      "make a host known; prints the line that joins its agent" },
    { "host set <host>", "tenant " LIMITS, "host set", show_host, "change a host's group, labels or declared limits" },
    { "host rotate <host>", "tenant expires_s", "host rotate", show_rotated,
      "a new key for its agent; the old one is heard until then" },
    { "host revoke <host>", "tenant", "host revoke", show_revoked, "hear its agent no more, from now on" },
    { "host retire <host>", "tenant", "host retire", show_retired,
      "revoke it and judge it no more; what it sent stays" },
    { "host invitations", "tenant", "host invitations", show_invitations, "the invitations that are still good" },
    { "host uninvite <invitation>", "", "host uninvite", show_uninvited, "take one back: nobody joins by it any more" },
    { "event create [name]", "tenant! document zone first_day days? named having patrol drill", "event create",
      show_event, "plan an assured event of whole days" },
    { "event set <event>", "tenant document name zone first_day days? named having patrol " PAGES, "event set",
      show_event, "change what it is, until it is armed" },
    { "event list", "tenant", "event list", show_events, "the events" },
    { "event show <event>", "tenant", "event show", show_event_page, "one event, its hosts and incidents" },
    { "event request <event>", "tenant reason", "event request", show_event, "ask for it: the contract is locked" },
    { "event accept <event>", "tenant reason", "event accept", show_event, "promise it: its days are drawn" },
    { "event check <event>", "tenant reason", "event check", show_event, "its capacity is enough" },
    { "event override <event> <gate>", "tenant reason!", "event override", show_event,
      "let it through a gate, by name" },
    { "event arm <event>", "tenant reason", "event arm", show_event,
      "a tick each second; armed when every host confirms" },
    { "event start <event>", "tenant reason", "event start", show_event, "make it live, if the clock has not" },
    { "event end <event>", "tenant reason", "event end", show_event, "end it before its window does" },
    { "event report <event>", "tenant reason", "event report", show_event, "its report is with the customer" },
    { "event close <event>", "tenant reason", "event close", show_event, "the customer has accepted the report" },
    { "event cancel <event>", "tenant reason", "event cancel", show_event, "it will not be" },
    { "incident list", "tenant all follow", "incident list", show_incidents, "open incidents, newest first" },
    { "incident show <incident>", "", "incident show", show_incident_page,
      "one incident: stamps, budget, alerts, pages" },
    { "incident ack <incident>", "", "incident ack", show_incident_line, "say that you work on it; stops its clock" },
    { "incident assign <incident> <colleague>", "", "incident assign", show_incident_line,
      "say who works on it; tells nobody" },
    { "incident note <incident> <words>", "", "incident note", show_incident_line, "put a line on its record" },
    { "incident resolve <incident>", "", "incident resolve", show_incident_line, "say that it is over" },
    { "incident reopen <incident>", "", "incident reopen", show_incident_line,
      "it is not over: it is yours, and recovery does not end it" },
    { "silence add", "tenant hosts! rule for_s|until reason!", "silence add", show_silence_line,
      "let expected alerts open no incidents for a while" },
    { "silence list", "tenant", "silence list", show_silences, "the silences in force" },
    { "silence end <silence>", "tenant", "silence end", show_silence_line, "end it now" },
    { "notice add", "tenant notice_kind hosts! starts! ends! title! impact!", "notice add", show_notice_line,
      "an advisory, or a change that others plan" },
    { "notice list", "tenant", "notice list", show_notices, "those that are not over" },
    { "notice answer <notice>", "tenant reason!", "notice answer", show_notice_line,
      "say why a planned change may stand within a window" },
    { "rehearse <event>", "tenant host no_wait stop show", "rehearse", show_rehearsal,
      "tell everybody it would tell, marked, through an agent of it; exits as a monitoring plugin" },
    { "lint <event>", "tenant", "lint", show_lint,
      "would everybody have answered within ten minutes at worst; exits as a monitoring plugin" },
    { "contact list", "", "contact list", show_contacts, "who can be told, by which ways" },
    { "contact show <contact>", "", "contact show", show_contact_page, "one contact: its ways, its rotas" },
    { "contact test <contact>", "", "contact test", show_contact_test,
      "send it a test by each way and say what came back; exits as a monitoring plugin" },
    { "oncall list", "", "oncall list", show_rotas, "the rotas, and who is on duty now" },
    { "oncall show <rota>", "from? to?", "oncall show", show_rota_page, "who is on duty when; a week from now on" },
    { "oncall override <rota> <contact>", "starts! ends! reason!", "oncall override", show_rota_override,
      "put somebody else on duty for a while" },
    { "ledger list", "tenant event kind oldest entries", "ledger list", show_ledger,
      "what is on record: transitions, gates, rounds, pages, the newest first" },
    { "ledger verify [tenant]", "file public_key head", "ledger verify", show_verdict,
      "is it what was signed, to the last entry; exits as a monitoring plugin" },
    { "ledger export <tenant> <file>", "", "ledger export", show_exported,
      "all of it into a file that can be verified anywhere" },
    { "ledger accept <tenant>", "reason!", "ledger accept", show_accepted,
      "a broken one may be as it is: it is signed anew, and says so" },
    { "rule list", "tenant host event", "rule list", show_rules,
      "the rules, or those that hold for a host or in a window" },
    { "rule test [host]", "tenant event rule_file from? to? state data format? group " QUANTITIES, "rule test",
      show_rule_test, "what rules would have said of what is stored of a host, or of a file" },
    { "rule export", "tenant host event state", "rule export", show_rule_file,
      "the rules as a rule file of Prometheus" },
    { "patrol log <event>", "tenant findings oldest", "patrol log", show_rounds,
      "the rounds of an event: kept, late, missed, and what they found" },
    { "patrol handover <event>", "tenant note!", "patrol handover", show_handover,
      "leave it to the next shift: what happened, what is open, what to watch" },
    { "coverage [event]", "tenant host hosts from? to?", "coverage", show_coverage,
      "which seconds have data, and why the others have none" },
    { "query latest", "tenant host hosts metrics instance", "query latest", show_latest,
      "the last value of each series of hosts" },
    { "query quantiles <metrics>", "tenant host hosts instance from to", "query quantiles", show_quantiles,
      "how values were spread over a time range, by series" },
    { "query top <metric>", "tenant hosts instance from to by most", "query top", show_top,
      "the hosts on which a metric was highest" },
    { "query <host> <metric>", "tenant instance from to points|step_s quantiles", "query", show_query,
      "a series over a time range" },
    { "backup", "tenant", "backup", show_backup, "copy the collector's files while it runs" },
    { "export", "host! tenant metrics instance from to format output", "export", NULL,
      "a host's samples as text, exactly" },
    { "import <file>", "host! tenant format", "import", show_imported, "history from elsewhere into a host" },
};
enum { N_VERBS = sizeof verbs / sizeof verbs[0], WORDS_MAX = 64 };

const struct verb *verb_at(size_t i)
{
    return i < N_VERBS ? &verbs[i] : NULL;
}

static const struct param *param_find(const char *key, size_t len)
{
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++)
        if (strlen(params[i].key) == len && memcmp(params[i].key, key, len) == 0)
            return &params[i];
    return NULL;
}

char *verb_words(char *text, size_t size, const struct verb *verb)
{
    size_t len = strcspn(verb->phrase, "<[");
    while (len > 0 && verb->phrase[len - 1] == ' ')
        len--;
    snprintf(text, size, "%.*s", (int)len, verb->phrase);
    return text;
}

void verb_params(const struct verb *verb, struct verb_params *ret)
{
    *ret = (struct verb_params){ 0 };
    for (const char *at = verb->phrase; (at = strpbrk(at, "<[")); at++) {
        assert(ret->n_holes < VERB_HOLES_MAX);
        ret->n_needed += *at == '<';
        ret->holes[ret->n_holes++] = param_find(at + 1, strcspn(at + 1, ">]"));
    }
    for (const char *at = verb->options; *at; at += strspn(at, " |")) {
        size_t len = strcspn(at, " |!?");
        size_t n = ret->n_options++;
        assert(n < VERB_OPTIONS_MAX);
        ret->options[n] = param_find(at, len);
        ret->required[n] = at[len] == '!';
        ret->fallback[n] = at[len] == '?' ? NULL : ret->options[n]->fallback;
        at += len + strspn(at + len, "!?");
        if (*at == '|')
            ret->instead[n] = param_find(at + 1, strcspn(at + 1, " "));
    }
}

/* How many of `words` the verb's literal words are; 0: not this verb. */
static size_t words_matched(const struct verb *verb, char *const words[], size_t n)
{
    char text[WORDS_MAX];
    char *rest = verb_words(text, sizeof text, verb);
    size_t used = 0;
    for (char *word; (word = strsep(&rest, " ")); used++)
        if (used == n || strcmp(word, words[used]) != 0)
            return 0;
    return used;
}

const struct verb *verb_match(char *const words[], size_t n, size_t *ret_used)
{
    for (size_t i = 0; i < N_VERBS; i++) {
        size_t used = words_matched(&verbs[i], words, n);
        if (used > 0) {
            *ret_used = used;
            return &verbs[i];
        }
    }
    return NULL;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance: letters to insert, delete or change. Both are shorter than WORDS_MAX. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[WORDS_MAX + 1];
    size_t b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned above = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

bool verb_closest(char *const words[], size_t n, char *ret, size_t size)
{
    enum { FAR = 4 };
    unsigned best = FAR;
    for (size_t i = 0; i < N_VERBS; i++) {
        char text[WORDS_MAX];
        char typed[WORDS_MAX];
        verb_words(text, sizeof text, &verbs[i]);
        bool two = strchr(text, ' ') && n > 1;
        snprintf(typed, sizeof typed, "%s%s%s", words[0], two ? " " : "", two ? words[1] : "");
        unsigned far = distance(typed, text);
        if (far < best) {
            best = far;
            snprintf(ret, size, "%s", text);
        }
    }
    return best < FAR;
}

static bool begins_with(const struct verb *verb, const char *word)
{
    size_t len = strlen(word);
    return strncmp(verb->phrase, word, len) == 0 && verb->phrase[len] == ' ';
}

bool verb_in_group(const struct verb *verb, const char *word)
{
    bool found = verb && begins_with(verb, word);
    for (size_t i = 0; !verb && !found && i < N_VERBS; i++)
        found = begins_with(&verbs[i], word);
    return found;
}

bool verb_group(const char *word, char *ret, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < N_VERBS; i++) {
        char text[WORDS_MAX];
        if (begins_with(&verbs[i], word) && used < size)
            used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "",
                                     verb_words(text, sizeof text, &verbs[i]));
    }
    return used > 0;
}
