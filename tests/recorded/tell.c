#include <inttypes.h>

#include "tests/recorded/recorded.h"

static void tell_hex(FILE *to, const char *what, const uint8_t *bytes, size_t len)
{
    fprintf(to, " %s ", what);
    for (size_t i = 0; i < len; i++)
        fprintf(to, "%02x", bytes[i]);
}

static void tell_hello(FILE *to, const struct hello *hello)
{
    fprintf(to, "> hello host %016" PRIx64, hello->host);
    tell_hex(to, "run", hello->run.bytes, RUN_BYTES);
    fprintf(to, " mono %" PRId64 " wall %" PRId64 " version \"%s\" hostname \"%s\" system \"%s\"", hello->mono_us,
            hello->wall_us, hello->version, hello->hostname, hello->system);
    tell_hex(to, "token", hello->token.at, hello->token.len);
    fputc('\n', to);
}

static void tell_table(FILE *to, const struct series_table *table)
{
    tell_hex(to, " table", table->hash.bytes, TABLE_HASH_BYTES);
    fputc('\n', to);
    for (uint32_t i = 0; i < table->n; i++)
        fprintf(to, "    series %s [%s] %s, exponent %d\n", table->at[i].metric, table->at[i].instance,
                table->at[i].unit, table->at[i].exponent);
}

static void tell_column(FILE *to, const struct batch *batch, const struct column *column)
{
    fputs("    values", to);
    for (uint32_t i = 0; i < batch->n_ticks; i++)
        if (column->real)
            fprintf(to, " %.17g", column->values[i]);
        else if (column->fixed[i] == FIXED_ABSENT)
            fputs(" none", to);
        else
            fprintf(to, " %" PRId64, column->fixed[i]);
    fputc('\n', to);
}

static void tell_batch(FILE *to, const struct batch *batch)
{
    tell_hex(to, " batch of", batch->run.bytes, RUN_BYTES);
    fprintf(to, " from %" PRIu64, batch->first);
    tell_hex(to, "under", batch->table.bytes, TABLE_HASH_BYTES);
    fputc('\n', to);
    for (uint32_t i = 0; i < batch->n_ticks; i++)
        fprintf(to, "    tick mono %" PRId64 " wall %" PRId64 "\n", batch->mono_us[i], batch->wall_us[i]);
    for (uint32_t c = 0; c < batch->n_columns; c++)
        tell_column(to, batch, &batch->columns[c]);
}

static void tell_report(FILE *to, const struct report *report)
{
    fprintf(to,
            "> report highest %" PRIu64 " policy %" PRIu64 " interval %" PRId64 " sent %" PRId64 " answered %" PRId64
            "%s\n",
            report->highest, report->policy_revision, report->interval_us, report->sent_us, report->answered_us,
            report->same_boot ? " same_boot" : "");
    for (uint32_t i = 0; i < report->n_dropped; i++) {
        tell_hex(to, " dropped of", report->dropped[i].run.bytes, RUN_BYTES);
        fprintf(to, " %" PRIu64 "..%" PRIu64 " %s\n", report->dropped[i].first, report->dropped[i].last,
                drop_cause_name(report->dropped[i].cause));
    }
    if (report->has_table)
        tell_table(to, &report->table);
    tell_batch(to, &report->batch);
}

static void tell_answer(FILE *to, const struct answer *answer)
{
    static const char *const kinds[] = {
        [ANSWER_WELCOME] = "welcome", [ANSWER_STORED] = "stored",     [ANSWER_REFUSED] = "refused",
        [ANSWER_BUSY] = "busy",       [ANSWER_NO_TABLE] = "no_table",
    };
    fprintf(to, "< %s received %" PRId64 " sent %" PRId64, kinds[answer->kind], answer->received_us, answer->sent_us);
    if (answer->policy.revision)
        fprintf(to, " policy %" PRIu64 " interval %" PRId64, answer->policy.revision, answer->policy.interval_us);
    if (answer->kind == ANSWER_WELCOME)
        fprintf(to, " host %016" PRIx64 " name \"%s\" tenant \"%s\"", answer->host, answer->name, answer->tenant);
    if (answer->kind == ANSWER_STORED || answer->kind == ANSWER_REFUSED)
        fprintf(to, " ticks %" PRIu64 "..%" PRIu64, answer->first, answer->last);
    if (answer->kind == ANSWER_REFUSED)
        fprintf(to, " reason %s \"%s\"", refusal_name(answer->refusal), answer->text);
    fprintf(to, " retry %" PRId64 "\n", answer->retry_us);
}

static int tell_decoded(FILE *to, bool is_request, const uint8_t *said, size_t len, struct arena *arena,
                        struct err *err)
{
    struct request request;
    struct answer answer;
    int rc = is_request ? codec_decode_request(said, len, arena, &request, err)
                        : codec_decode_answer(said, len, arena, &answer, err);
    if (rc < 0)
        return rc;
    if (!is_request)
        tell_answer(to, &answer);
    else if (request.kind == REQUEST_HELLO)
        tell_hello(to, &request.hello);
    else
        tell_report(to, &request.report);
    return 0;
}

int recorded_tell(FILE *to, bool request, const uint8_t *said, size_t len, struct err *err)
{
    struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    int rc = tell_decoded(to, request, said, len, &arena, err);
    arena_done(&arena);
    return rc;
}
