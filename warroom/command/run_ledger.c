/* Checking a ledger, where it lies or in a file, and taking it out into one. The collector is not believed: it hands
 * over the bytes, and whether they hold is worked out here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/ledger/export.h"
#include "proto/text/base64.h"
#include "warroom/command/command.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/run.h"

#define LATE_US (60 * US_PER_S) /* what is on record for so long should be signed */
enum { PIECE = 64 << 10 };

static void json_undo(json_t **json)
{
    json_decref(*json);
}

static int not_understood(struct err *err)
{
    return err_set(err, -EPROTO,
                   "the collector's answer makes no sense: are warroom and warroom-collector of one version?");
}

/* ---- what is to be compared ---- */

struct known { /* what the user knows already */
    bool has_key, has_head;
    struct ledger_public key;
    struct ledger_head head;
};

static int read_known(const json_t *args, struct known *ret, struct err *err)
{
    const char *key = json_string_value(json_object_get(args, "public_key"));
    const char *head = json_string_value(json_object_get(args, "head"));
    *ret = (struct known){ .has_key = key, .has_head = head };
    int rc = key ? ledger_public_parse(&ret->key, key, strlen(key), err) : 0;
    return rc == 0 && head ? ledger_head_parse(&ret->head, head, strlen(head), err) : rc;
}

/* ---- from the collector ---- */

struct taking {
    const struct known *known;
    struct ledger_check check;
    bool begun, is_signed, broken;
    struct ledger_head head;
    struct ledger_public key;
    FILE *out; /* NULL: only checked */
    uint8_t bytes[BASE64_BYTES(BASE64_TEXT(LEDGER_BYTES_MAX))];
};

static int begin(struct taking *taking, const json_t *data, struct err *err)
{
    const char *head = json_string_value(json_object_get(data, "head"));
    const char *key = json_string_value(json_object_get(data, "key"));
    int64_t tenant = 0;
    uint8_t start[LEDGER_EXPORT_START];
    if (!field_count(data, "id", &tenant) || !head != !key)
        return not_understood(err);
    taking->begun = true;
    taking->broken = field_true(data, "broken");
    taking->is_signed = head;
    ledger_check_begin(&taking->check, (uint64_t)tenant);
    if (head && (ledger_head_parse(&taking->head, head, strlen(head), err) < 0 ||
                 ledger_public_parse(&taking->key, key, strlen(key), err) < 0))
        return not_understood(err);
    const struct ledger_public *by = taking->known->has_key ? &taking->known->key : &taking->key;
    if (head)
        ledger_check_head(&taking->check, &taking->head, by);
    if (taking->known->has_head)
        ledger_check_head(&taking->check, &taking->known->head, by);
    if (!taking->out)
        return 0;
    if (!head)
        return err_set(err, -ENODATA, "nothing of this ledger is signed: there is nothing to take out");
    ledger_export_start(start, &taking->key, &taking->head);
    fwrite(start, 1, sizeof start, taking->out);
    return 0;
}

static void put_entry(const struct taking *taking, size_t len, const struct ledger_hash *hash)
{
    uint8_t length[LEDGER_EXPORT_LENGTH];
    ledger_export_length(length, len);
    fwrite(length, 1, sizeof length, taking->out);
    fwrite(taking->bytes, 1, len, taking->out);
    fwrite(hash->bytes, 1, sizeof hash->bytes, taking->out);
}

static int take_entry(struct taking *taking, const json_t *row, struct err *err)
{
    const json_t *bytes = json_array_get(row, 0), *hash_text = json_array_get(row, 1);
    uint8_t hash_bytes[LEDGER_HASH_BYTES + 2];
    struct ledger_hash hash;
    size_t len = 0, hash_len = 0;
    if (!json_is_string(bytes) || json_string_length(bytes) >= BASE64_TEXT(LEDGER_BYTES_MAX) ||
        base64_decode(taking->bytes, json_string_value(bytes), json_string_length(bytes), &len) < 0 ||
        !json_is_string(hash_text) || json_string_length(hash_text) != BASE64_TEXT(LEDGER_HASH_BYTES) - 1 ||
        base64_decode(hash_bytes, json_string_value(hash_text), json_string_length(hash_text), &hash_len) < 0)
        return not_understood(err);
    memcpy(hash.bytes, hash_bytes, sizeof hash.bytes);
    ledger_check_entry(&taking->check, taking->bytes, len, json_is_true(json_array_get(row, 2)) ? &hash : NULL);
    if (taking->out && taking->check.fault == LEDGER_WHOLE && taking->check.n <= taking->head.n)
        put_entry(taking, len, &hash);
    return 0;
}

static int take_page(struct taking *taking, const json_t *data, struct err *err)
{
    const json_t *rows = field_list(data, "entries");
    size_t i;
    json_t *row;
    int rc = taking->begun ? 0 : begin(taking, data, err);
    json_array_foreach(rows, i, row)
    {
        if (rc == 0)
            rc = take_entry(taking, row, err);
    }
    return rc;
}

static int take_all(struct taking *taking, const struct console *console, const char *control, const json_t *args,
                    struct err *err)
{
    AUTO(json_undo) json_t *asked = json_pack("{s:O*}", "tenant", json_object_get(args, "tenant"));
    AUTO(json_undo) json_t *next = NULL;
    do {
        AUTO(json_undo) json_t *data = NULL;
        json_t *after = NULL;
        int rc = exchange_page(&console->line, control, "ledger export", asked, next, &data, &after, err);
        if (rc == 0)
            rc = take_page(taking, data, err);
        if (rc == 0 && next && json_equal(next, after))
            rc = not_understood(err); /* it would go round for ever */
        json_decref(next);
        next = after;
        if (rc < 0)
            return rc;
    } while (next && taking->check.fault == LEDGER_WHOLE); /* the first fault stands */
    ledger_check_end(&taking->check);
    return 0;
}

/* ---- verdicts ---- */

struct verdict {
    const char *state;
    char says[LEDGER_FAULT_TEXT];
};

static struct verdict judge(const struct ledger_check *check)
{
    struct verdict verdict = { .state = check->fault == LEDGER_WHOLE ? "ok" : "critical" };
    if (check->fault == LEDGER_WHOLE)
        snprintf(verdict.says, sizeof verdict.says,
                 "%" PRIu64 " entries, all of them what was written, %" PRIu64 " signed", check->n, check->vouched);
    else
        ledger_fault_print(verdict.says, check);
    return verdict;
}

/* By the clock of this side: what the collector says of the time it may say to hide how long nothing was signed. What
 * is of the future is of no minute that anybody could wait for. */
static bool is_late(const struct ledger_check *check, int64_t now_us)
{
    return check->vouched < check->n && (check->at_us < now_us - LATE_US || check->at_us > now_us + LATE_US);
}

static struct verdict judge_taken(const struct taking *taking, int64_t now_us)
{
    const struct ledger_check *check = &taking->check;
    struct verdict verdict = judge(check);
    if (check->fault != LEDGER_WHOLE)
        return verdict;
    if (taking->broken) {
        verdict.state = "critical";
        snprintf(
            verdict.says, sizeof verdict.says,
            "the collector found it altered, and signs it no more (ledger_broken); docs/ledger.md tells what to do");
    } else if (!taking->is_signed && (taking->known->has_key || taking->known->has_head)) {
        verdict.state = "warning";
        snprintf(verdict.says, sizeof verdict.says,
                 "%" PRIu64 " entries, and the collector told no head of them: there is nothing to compare", check->n);
    } else if (is_late(check, now_us)) {
        verdict.state = "warning";
        snprintf(verdict.says, sizeof verdict.says, "%" PRIu64 " entries, of which %" PRIu64 " are signed: see the log",
                 check->n, check->vouched);
    }
    return verdict;
}

static json_t *form_verdict(const struct verdict *verdict, const struct ledger_check *check, bool compared,
                            const struct ledger_public *key, const struct ledger_head *head)
{
    char line[LEDGER_HEAD_TEXT + 1], public_key[LEDGER_KEY_TEXT + 1];
    return json_pack("{s:s, s:s, s:I, s:I, s:b, s:s?, s:s?}", "state", verdict->state, "says", verdict->says, "entries",
                     (json_int_t)check->n, "signed", (json_int_t)check->vouched, "compared", compared, "key",
                     key ? ledger_public_print(public_key, key) : NULL, "head",
                     head ? ledger_head_print(line, head) : NULL);
}

static void free_taking(struct taking **taking)
{
    free(*taking);
}

static int verify_there(const struct console *console, const char *control, const json_t *args,
                        const struct known *known, json_t **ret, struct err *err)
{
    AUTO(free_taking) struct taking *taking = calloc(1, sizeof *taking);
    if (!taking)
        return err_set(err, -ENOMEM, "out of memory");
    taking->known = known;
    int rc = take_all(taking, console, control, args, err);
    if (rc < 0)
        return rc;
    struct verdict verdict = judge_taken(taking, clock_wall_us(&console->clock));
    *ret = form_verdict(&verdict, &taking->check, known->has_key, taking->is_signed ? &taking->key : NULL,
                        taking->is_signed ? &taking->head : NULL);
    return 0;
}

/* ---- files ---- */

static void free_export(struct ledger_export **export)
{
    free(*export);
}

static int verify_file(const char *name, const struct known *known, json_t **ret, struct err *err)
{
    AUTO(free_export) struct ledger_export *export = malloc(sizeof *export);
    AUTO(auto_fclose) FILE *file = fopen(name, "re");
    AUTO(auto_free) uint8_t *piece = malloc(PIECE);
    if (!file)
        return err_sys(err, -errno, "cannot read %s", name);
    if (!export || !piece)
        return err_set(err, -ENOMEM, "out of memory");
    ledger_export_begin(export, known->has_key ? &known->key : NULL, known->has_head ? &known->head : NULL);
    for (size_t n; (n = fread(piece, 1, PIECE, file)) > 0;)
        ledger_export_take(export, piece, n);
    if (ferror(file))
        return err_sys(err, -errno, "cannot read %s", name);
    ledger_export_end(export);
    struct verdict verdict = judge(&export->check);
    bool readable = export->begun && export->check.fault != LEDGER_NO_EXPORT;
    *ret = form_verdict(&verdict, &export->check, known->has_key, readable ? &export->key : NULL,
                        readable ? &export->head : NULL);
    return 0;
}

int run_ledger_verify(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
                      struct err *err)
{
    const char *file = json_string_value(json_object_get(args, "file"));
    struct known known;
    int rc = read_known(args, &known, err);
    if (rc < 0)
        return rc;
    if (file && json_object_get(args, "tenant"))
        return err_set(err, -EINVAL, "ledger verify: a tenant or --file, not both");
    return file ? verify_file(file, &known, ret_data, err)
                : verify_there(console, control, args, &known, ret_data, err);
}

/* What another run left is taken away; nothing that somebody put there is followed or written to. */
static FILE *open_part(const char *part)
{
    unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && !file)
        close(fd);
    return file;
}

/* The one that `name` is in: so that the name is on disk as well. */
static int sync_folder(const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t len = slash ? (size_t)(slash - name) + 1 : 1;
    AUTO(auto_free) char *folder = strndup(slash ? name : ".", len);
    AUTO(auto_close) int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return fd < 0 ? -1 : fsync(fd);
}

/* Under its name only when it is whole. */
static int write_export(struct taking *taking, const struct console *console, const char *control, const json_t *args,
                        const char *name, struct err *err)
{
    AUTO(auto_free) char *part = NULL;
    if (asprintf(&part, "%s.part", name) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    AUTO(auto_fclose) FILE *file = open_part(part);
    if (!file)
        return err_sys(err, -errno, "cannot write %s", part);
    taking->out = file;
    int rc = take_all(taking, console, control, args, err);
    if (rc == 0 && taking->check.fault != LEDGER_WHOLE) {
        char text[LEDGER_FAULT_TEXT];
        rc = err_set(err, -EBADMSG, "this ledger is not whole, so there is no export: %s",
                     ledger_fault_print(text, &taking->check));
    }
    if (rc == 0 && (fflush(file) != 0 || ferror(file) || fsync(fileno(file)) < 0 || rename(part, name) < 0 ||
                    sync_folder(name) < 0))
        rc = err_sys(err, -errno, "cannot write %s", name);
    if (rc < 0)
        unlink(part);
    return rc;
}

int run_ledger_export(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
                      struct err *err)
{
    const char *name = field_text(args, "file");
    struct known nothing = { .has_key = false };
    AUTO(free_taking) struct taking *taking = calloc(1, sizeof *taking);
    if (!taking)
        return err_set(err, -ENOMEM, "out of memory");
    taking->known = &nothing;
    int rc = write_export(taking, console, control, args, name, err);
    if (rc < 0)
        return rc;
    char says[LEDGER_FAULT_TEXT];
    snprintf(says, sizeof says, "%" PRIu64 " entries", taking->head.n);
    struct verdict verdict = { .state = "ok" };
    memcpy(verdict.says, says, sizeof says);
    *ret_data = form_verdict(&verdict, &taking->check, false, &taking->key, &taking->head);
    json_object_set_new(*ret_data, "file", json_string(name));
    return 0;
}
