#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

struct target {
    const char *host;
    int64_t port;
    bool urgent;
    int line;
};

struct settings {
    const char *listen;
    const char *token;
    int listen_line, token_line;
    int64_t retries;
    double ratio;
    bool strict;
    int64_t interval_us;
    int level;
    unsigned states;
    struct config_texts names;
    struct config_texts paths;
    struct config_list targets;
    struct target home;
    int home_line;
};

static const char *const levels[] = { "low", "middle", "high", NULL };
static const char *const states[] = { "draft", "armed", "live", NULL };
static const struct target target_defaults = { .port = 80, .urgent = true };

static const struct config_field target_fields[] = {
    { .key = "host", .kind = CONFIG_TEXT, .at = offsetof(struct target, host), .required = true },
    { .key = "port", .kind = CONFIG_INT, .at = offsetof(struct target, port), .least = 1, .most = 65535 },
    { .key = "urgent", .kind = CONFIG_BOOL, .at = offsetof(struct target, urgent) },
    { .key = NULL },
};

static const struct config_field fields[] = {
    { .key = "listen",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct settings, listen),
      .required = true,
      .least = 1,
      .most = 20,
      .line_at = 1 + offsetof(struct settings, listen_line),
      .help = "an address such as 127.0.0.1:9740" },
    { .key = "token",
      .kind = CONFIG_SECRET,
      .at = offsetof(struct settings, token),
      .least = 4,
      .most = 16,
      .line_at = 1 + offsetof(struct settings, token_line) },
    { .key = "retries", .kind = CONFIG_INT, .at = offsetof(struct settings, retries), .least = -5, .most = 10 },
    { .key = "ratio", .kind = CONFIG_REAL, .at = offsetof(struct settings, ratio), .least = 0, .most = 1 },
    { .key = "strict", .kind = CONFIG_BOOL, .at = offsetof(struct settings, strict) },
    { .key = "interval",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct settings, interval_us),
      .least = US_PER_S,
      .most = 3600.0 * US_PER_S },
    { .key = "level", .kind = CONFIG_CHOICE, .at = offsetof(struct settings, level), .choices = levels },
    { .key = "states", .kind = CONFIG_FLAGS, .at = offsetof(struct settings, states), .choices = states },
    { .key = "names", .kind = CONFIG_TEXTS, .at = offsetof(struct settings, names), .most = 3 },
    { .key = "paths",
      .kind = CONFIG_TEXTS,
      .at = offsetof(struct settings, paths),
      .least = 1,
      .most = 2,
      .one_will_do = true },
    { .key = "targets",
      .kind = CONFIG_LIST,
      .at = offsetof(struct settings, targets),
      .most = 2,
      .items = target_fields,
      .item_size = sizeof(struct target),
      .item_defaults = &target_defaults,
      .line_at = 1 + offsetof(struct target, line) },
    { .key = "home",
      .kind = CONFIG_MAPPING,
      .at = offsetof(struct settings, home),
      .line_at = 1 + offsetof(struct settings, home_line),
      .items = target_fields,
      .help = "where it belongs" },
    { .key = "colours", .kind = CONFIG_GONE, .help = "are not chosen any more: remove this line" },
    { .key = NULL },
};

struct fixture {
    struct arena arena;
    struct config_faults faults;
    struct settings got;
    struct settings before;
    char folder[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    f->before = (struct settings){ .listen = "untouched", .retries = 3, .interval_us = 7, .level = 2 };
    memcpy(&f->got, &f->before, sizeof f->got); /* padding too: the two are compared byte by byte */
    snprintf(f->folder, sizeof f->folder, "/tmp/config_test.XXXXXX");
    *state = f;
    return mkdtemp(f->folder) ? 0 : -1;
}

static char *path_in(const struct fixture *f, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", f->folder, name);
    return path;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[128];
    unlink(path_in(f, "secret", path));
    unlink(path_in(f, "a.yaml", path));
    rmdir(f->folder);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static void write_file(const struct fixture *f, const char *name, const char *text, size_t len)
{
    char path[128];
    int fd = open(path_in(f, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
}

static int parse_bytes(struct fixture *f, const char *text, size_t len)
{
    f->faults = (struct config_faults){ .n = 0 };
    return config_parse("a.yaml", text, len, fields, &f->got, sizeof f->got, &f->arena, &f->faults);
}

static int parse(struct fixture *f, const char *text)
{
    return parse_bytes(f, text, strlen(text));
}

static void print_faults(const struct fixture *f)
{
    for (size_t i = 0; i < config_faults_kept(&f->faults); i++)
        print_message("    %s\n", f->faults.at[i].text);
}

/* The text has this one fault, and the struct stays as it was. */
static void assert_fault(struct fixture *f, const char *text, const char *fault)
{
    assert_int_equal(parse(f, text), -EINVAL);
    if (f->faults.n != 1)
        print_faults(f);
    assert_int_equal(f->faults.n, 1);
    assert_string_equal(f->faults.at[0].text, fault);
    assert_int_equal(f->faults.at[0].code, -EINVAL);
    assert_memory_equal(&f->got, &f->before, sizeof f->got);
}

static void assert_parses(struct fixture *f, const char *text)
{
    int rc = parse(f, text);
    print_faults(f);
    assert_int_equal(rc, 0);
    assert_int_equal(f->faults.n, 0);
}

#define OK "listen: here\n"

static void every_kind_of_value_is_read(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, "# a comment\n"
                     "listen: 127.0.0.1:9740\n"
                     "token: \"hush # hush\"\n"
                     "retries: -5\n"
                     "ratio: 2.5e-1\n"
                     "strict: true\n"
                     "interval: 90s\n"
                     "level: middle\n"
                     "states: [live, draft]\n"
                     "names: [one, \"2\", 3]\n"
                     "targets:\n"
                     "  - host: db1\n"
                     "    port: 5432\n"
                     "    urgent: false\n"
                     "  - host: db2\n");
    assert_string_equal(f->got.listen, "127.0.0.1:9740");
    assert_string_equal(f->got.token, "hush # hush");
    assert_int_equal(f->got.retries, -5);
    assert_true(f->got.ratio == 0.25);
    assert_true(f->got.strict);
    assert_int_equal(f->got.interval_us, 90 * US_PER_S);
    assert_int_equal(f->got.level, 1);
    assert_int_equal(f->got.states, 5);
    assert_int_equal(f->got.names.n, 3);
    assert_string_equal(f->got.names.at[0], "one");
    assert_string_equal(f->got.names.at[2], "3");
    assert_int_equal(f->got.targets.n, 2);
    const struct target *targets = f->got.targets.at;
    assert_string_equal(targets[0].host, "db1");
    assert_int_equal(targets[0].port, 5432);
    assert_false(targets[0].urgent);
    assert_int_equal(f->got.listen_line, 2);
    assert_int_equal(f->got.token_line, 3);
    assert_int_equal(targets[0].line, 12);
    assert_int_equal(targets[1].line, 15);
}

static void what_is_not_given_keeps_its_default(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, OK "targets: [{ host: a }]");
    assert_int_equal(f->got.retries, 3);
    assert_int_equal(f->got.interval_us, 7);
    assert_int_equal(f->got.level, 2);
    assert_null(f->got.token);
    assert_int_equal(f->got.token_line, 0);
    const struct target *target = f->got.targets.at;
    assert_int_equal(target->port, 80);
    assert_true(target->urgent);
}

static void where_one_will_do_a_text_is_a_list_of_it(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, "paths: a\n" OK);
    assert_int_equal(f->got.paths.n, 1);
    assert_string_equal(f->got.paths.at[0], "a");
    assert_parses(f, OK "paths: [a, \"b c\"]\n");
    assert_int_equal(f->got.paths.n, 2);
    assert_string_equal(f->got.paths.at[1], "b c");
}

static void empty_lists_are_lists(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, OK "names: []\ntargets: []\nstates: []\n");
    assert_int_equal(f->got.names.n, 0);
    assert_int_equal(f->got.targets.n, 0);
    assert_int_equal(f->got.states, 0);
}

static void all_faults_are_told_each_with_its_line(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "retries: many\nratio: 2\n\nstrict: yes\ntargets:\n- port: 0\n"), -EINVAL);
    static const char *const want[] = {
        "a.yaml:1: `retries` is \"many\", want a whole number from -5 to 10",
        "a.yaml:2: `ratio` is \"2\", want a number from 0 to 1",
        "a.yaml:4: `strict` is \"yes\", want true or false",
        "a.yaml:6: `port` is \"0\", want a whole number from 1 to 65535",
        "a.yaml:6: `host` is missing, want a text",
        "a.yaml:1: `listen` is missing, want a text of 1 to 20 bytes: an address such as 127.0.0.1:9740",
    };
    assert_int_equal(f->faults.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < f->faults.n; i++)
        assert_string_equal(f->faults.at[i].text, want[i]);
    assert_int_equal(f->faults.n_files, 0);
    assert_memory_equal(&f->got, &f->before, sizeof f->got);
}

static void faults_past_the_first_twenty_are_counted(void **state)
{
    struct fixture *f = *state;
    char text[1024] = OK;
    size_t len = strlen(text);
    for (int i = 0; i < 30; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "zzzzzzzzz: 1\n");
    assert_int_equal(parse(f, text), -EINVAL);
    assert_int_equal(f->faults.n, 30);
    assert_int_equal(config_faults_kept(&f->faults), CONFIG_FAULTS_MAX);
}

static void faults_are_printed_a_line_each_and_the_rest_counted(void **state)
{
    struct fixture *f = *state;
    char *printed = NULL;
    size_t len;
    FILE *out = open_memstream(&printed, &len);
    parse(f, "retries: many\n" OK);
    config_faults_print(&f->faults, out);
    for (int i = 0; i < CONFIG_FAULTS_MAX + 2; i++)
        config_fault(&f->faults, "b.yaml", 0, "fault %d", i);
    config_faults_print(&f->faults, out);
    fclose(out);
    static const char first[] = "a.yaml:1: `retries` is \"many\", want a whole number from -5 to 10\n";
    assert_memory_equal(printed, first, sizeof first - 1);
    assert_memory_equal(printed + sizeof first - 1, first, sizeof first - 1);
    assert_non_null(strstr(printed, "\nb.yaml: fault 18\nand 3 more\n"));
    assert_null(strstr(printed, "fault 19"));
    free(printed);
}

static void faults_of_several_files_are_collected(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "ratio: -1\n", "a.yaml:2: `ratio` is \"-1\", want a number from 0 to 1");
    assert_int_equal(config_parse("b.yaml", OK, strlen(OK), fields, &f->got, sizeof f->got, &f->arena, &f->faults), 0);
    assert_int_equal(config_fault(&f->faults, "b.yaml", 0, "too %s", "much"), -EINVAL);
    assert_int_equal(f->faults.n, 2);
    assert_string_equal(f->faults.at[1].text, "b.yaml: too much");
}

static void an_unknown_key_names_the_closest_known_one(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "retrys: 1\n", "a.yaml:2: unknown key `retrys`, did you mean `retries`?");
    assert_fault(f, OK "targets: [{ host: a, prot: 1 }]\n", "a.yaml:2: unknown key `prot`, did you mean `port`?");
}

static void an_unknown_key_close_to_none_lists_what_is_allowed(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "colour: 1\n",
                 "a.yaml:2: unknown key `colour`, allowed are listen, token (or its _file), retries, ratio, strict, "
                 "interval, level, states, names, paths, targets, home");
    assert_fault(f, OK "\"a\\nb\\x7f-and-a-very-long-key-that-goes-on-and-on-and-on-for-ever\": 1\n",
                 "a.yaml:2: unknown key `a?b?-and-a-very-long-key-that-goes-on-and-on-and...`, allowed are listen, "
                 "token (or its _file), retries, ratio, strict, interval, level, states, names, paths, targets, home");
    assert_fault(f, OK "<<: {}\n",
                 "a.yaml:2: unknown key `<<`, allowed are listen, token (or its _file), retries, ratio, strict, "
                 "interval, level, states, names, paths, targets, home");
}

static void a_key_that_is_gone_says_what_became_of_it_whatever_it_holds(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "colours: red\n", "a.yaml:2: `colours` are not chosen any more: remove this line");
    assert_fault(f, OK "colours: [1, {}]\n", "a.yaml:2: `colours` are not chosen any more: remove this line");
}

static void a_doubled_key_names_both_lines(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "retries: 1\n\nretries: 1\n", "a.yaml:4: `retries` is given again, line 2 has it already");
}

static void values_of_the_wrong_type_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "retries: [1]\n", "a.yaml:2: `retries` is a list of 1 items, want a whole number from -5 to 10");
    assert_fault(f, OK "retries: { a: 1 }\n", "a.yaml:2: `retries` is a mapping, want a whole number from -5 to 10");
    assert_fault(f, OK "retries: \"1\"\n", "a.yaml:2: `retries` is \"1\", want a whole number from -5 to 10");
    assert_fault(f, OK "retries:\n", "a.yaml:2: `retries` is empty, want a whole number from -5 to 10");
    assert_fault(f, OK "retries: 1.5\n", "a.yaml:2: `retries` is \"1.5\", want a whole number from -5 to 10");
    assert_fault(f, OK "retries: 07\n", "a.yaml:2: `retries` is \"07\", want a whole number from -5 to 10");
    assert_fault(f, OK "strict: \"true\"\n", "a.yaml:2: `strict` is \"true\", want true or false");
    assert_fault(f, OK "ratio: .nan\n", "a.yaml:2: `ratio` is \".nan\", want a number from 0 to 1");
    assert_fault(f, OK "level: Middle\n", "a.yaml:2: `level` is \"Middle\", want one of low, middle, high");
    assert_fault(f, OK "states: live\n", "a.yaml:2: `states` is \"live\", want a list of some of draft, armed, live");
    assert_fault(f, OK "states:\n- live\n- dead\n",
                 "a.yaml:4: `states` holds \"dead\", want a list of some of draft, armed, live");
    assert_fault(f, OK "names: one\n", "a.yaml:2: `names` is \"one\", want a list of at most 3 texts");
    assert_fault(f, OK "names: [[a]]\n", "a.yaml:2: `names` holds a list of 1 items, want a list of at most 3 texts");
    assert_fault(f, OK "paths:\n", "a.yaml:2: `paths` is empty, want a text, or a list of 1 to 2 texts");
    assert_fault(f, OK "paths: {}\n", "a.yaml:2: `paths` is a mapping, want a text, or a list of 1 to 2 texts");
    assert_fault(f, OK "targets: { host: a }\n", "a.yaml:2: `targets` is a mapping, want a list of at most 2 mappings");
    assert_fault(f, OK "targets:\n- host: a\n- b\n",
                 "a.yaml:4: `targets` holds \"b\", want a list of at most 2 mappings");
    assert_fault(f, "[]\n", "a.yaml:1: the file is not a mapping, want lines of `key: value`");
}

static void values_out_of_range_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "retries: 11\n", "a.yaml:2: `retries` is \"11\", want a whole number from -5 to 10");
    assert_fault(f, OK "retries: 99999999999999999999\n",
                 "a.yaml:2: `retries` is \"99999999999999999999\", want a whole number from -5 to 10");
    assert_fault(f, OK "interval: 2h\n",
                 "a.yaml:2: `interval` is \"2h\", want a duration from 1s to 1h (a whole number and us, ms, s, m, h "
                 "or d)");
    assert_fault(f, OK "interval: 5\n",
                 "a.yaml:2: `interval` is \"5\", want a duration from 1s to 1h (a whole number and us, ms, s, m, h "
                 "or d)");
    assert_fault(f, "listen: \"\"\n",
                 "a.yaml:1: `listen` is \"\", want a text of 1 to 20 bytes: an address such as 127.0.0.1:9740");
    assert_fault(f, OK "names: [a, b, c, d]\n",
                 "a.yaml:2: `names` is a list of 4 items, want a list of at most 3 texts");
    assert_fault(f, OK "targets: [{}, {}, {}]\n",
                 "a.yaml:2: `targets` is a list of 3 items, want a list of at most 2 mappings");
}

static void an_empty_file_lacks_what_is_required(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = { "", "\n", "# nothing\n", "---\n", "{}\n", "~\n" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(parse(f, texts[i]), -EINVAL);
        assert_int_equal(f->faults.n, 1);
        assert_non_null(strstr(f->faults.at[0].text, "`listen` is missing"));
    }
}

static void broken_yaml_says_its_line(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "names: [a,\nratio: 1\n",
                 "a.yaml:4: broken YAML: did not find expected ',' or ']' while parsing a flow sequence");
    assert_fault(f, OK "\tratio: 1\n",
                 "a.yaml:2: broken YAML: found a tab character that violates indentation while scanning a plain "
                 "scalar");
    assert_fault(f, OK "token: \xff\n", "a.yaml:2: not a text in UTF-8: invalid leading UTF-8 octet");
    assert_fault(f, OK "token: \x01\n", "a.yaml:2: not a text in UTF-8: control characters are not allowed");
}

static void a_nul_byte_cannot_hide_the_rest_of_a_text(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, "listen: \"a\\0b\"\n", "a.yaml:1: a text holds a NUL byte, want it without");
    static const char raw[] = "listen: a\0b\n";
    assert_int_equal(parse_bytes(f, raw, sizeof raw - 1), -EINVAL);
    assert_int_equal(f->faults.n, 1);
}

static void anchors_aliases_tags_and_further_documents_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, "listen: &a here\n", "a.yaml:1: anchors (&) are not supported, write it out");
    assert_fault(f, "listen: *a\n", "a.yaml:1: aliases (*) are not supported, write it out");
    assert_fault(f, OK "names: !set []\n", "a.yaml:2: tags (!) are not supported, leave it out");
    assert_fault(f, OK "retries: !!int 1\n", "a.yaml:2: tags (!) are not supported, leave it out");
    assert_fault(f, OK "---\n" OK, "a.yaml:2: a second document begins here, want one a file");
    assert_fault(f, OK "? [a]\n: b\n", "a.yaml:2: a list or a mapping stands where a key belongs, want a name");
    assert_int_equal(parse(f, "listen: &a here\nnames: &b []\ntargets: [*a, *b]\n"), -EINVAL);
    assert_int_equal(f->faults.n, 4);
}

static void nesting_has_a_limit(void **state)
{
    struct fixture *f = *state;
    char text[2000] = "names: ";
    memset(text + strlen(text), '[', 1000);
    assert_fault(f, text, "a.yaml:1: nested deeper than 16 levels");
}

static void a_file_of_too_many_nodes_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len = CONFIG_FILE_MAX;
    char *text = malloc(len);
    assert_non_null(text);
    memcpy(text, "names: [", 8);
    for (size_t i = 8; i < len; i++)
        text[i] = i % 2 ? ',' : 'a';
    int rc = parse_bytes(f, text, len);
    int too_long = parse_bytes(f, text, len + 1);
    free(text);
    assert_int_equal(rc, -EINVAL);
    assert_int_equal(too_long, -EINVAL);
    assert_string_equal(f->faults.at[0].text, "a.yaml: larger than 1048576 bytes");
}

static void a_full_arena_is_a_fault(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    arena_init(&f->arena, 16);
    assert_fault(f, "listen: here\nnames: [a]\n", "a.yaml:2: the values take more memory than a file of this kind may");
}

static void a_secret_is_never_shown(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "token: abc\n", "a.yaml:2: `token` is a text of 3 bytes, want a text of 4 to 16 bytes");
}

static void a_secret_comes_from_its_file_without_the_last_newline(void **state)
{
    struct fixture *f = *state;
    char path[128], text[256];
    write_file(f, "secret", "hush\n\n", 6);
    snprintf(text, sizeof text, OK "token_file: %s\n", path_in(f, "secret", path));
    assert_parses(f, text);
    assert_string_equal(f->got.token, "hush\n");
}

static void a_relative_secret_file_lies_beside_the_file_that_names_it(void **state)
{
    struct fixture *f = *state;
    char path[128];
    static const char text[] = OK "token_file: secret\n";
    write_file(f, "secret", "hush\n", 5);
    write_file(f, "a.yaml", text, strlen(text));
    assert_int_equal(config_read(path_in(f, "a.yaml", path), fields, &f->got, sizeof f->got, &f->arena, &f->faults), 0);
    assert_string_equal(f->got.token, "hush");
}

static void a_secret_and_its_file_exclude_each_other(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "token: hush\ntoken_file: /nowhere\n",
                 "a.yaml:3: `token` is given again, line 2 has it already: want it or its _file, once");
}

static void a_secret_file_that_holds_no_secret_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128], text[256], want[256];
    snprintf(text, sizeof text, OK "token_file: %s\n", path_in(f, "secret", path));
    snprintf(want, sizeof want, "a.yaml:2: `token_file`: cannot read %s: No such file or directory", path);
    assert_fault(f, text, want);
    assert_int_equal(f->faults.n_files, 1);
    snprintf(want, sizeof want, "a.yaml:2: `token_file`: %s holds no secret, want a text of 1 to 65535 bytes", path);
    write_file(f, "secret", "\n", 1);
    assert_fault(f, text, want);
    write_file(f, "secret", "hush\0hush", 9);
    assert_fault(f, text, want);
    snprintf(want, sizeof want, "a.yaml:2: `token_file`: %s holds 3 bytes, want 4 to 16", path);
    write_file(f, "secret", "hus", 3);
    assert_fault(f, text, want);
    assert_fault(f, OK "token_file: /dev/zero\n",
                 "a.yaml:2: `token_file`: /dev/zero holds no secret, want a text of 1 to 65535 bytes");
    assert_fault(f, OK "token_file: \"\"\n", "a.yaml:2: `token_file` wants the path of a file");
    assert_fault(f, OK "token_file: [a]\n", "a.yaml:2: `token_file` wants the path of a file");
}

static void only_secrets_have_a_file_twin(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, OK "level_file: x\n"), -EINVAL);
    assert_non_null(strstr(f->faults.at[0].text, "unknown key `level_file`"));
}

static void a_file_that_cannot_be_read_is_told_apart(void **state)
{
    struct fixture *f = *state;
    char path[128], want[256];
    path_in(f, "a.yaml", path);
    assert_int_equal(config_read(path, fields, &f->got, sizeof f->got, &f->arena, &f->faults), -EINVAL);
    assert_int_equal(f->faults.n, 1);
    assert_int_equal(f->faults.n_files, 1);
    snprintf(want, sizeof want, "%s: cannot read the file: No such file or directory", path);
    assert_string_equal(f->faults.at[0].text, want);
    assert_int_equal(config_read(f->folder, fields, &f->got, sizeof f->got, &f->arena, &f->faults), -EINVAL);
    assert_int_equal(f->faults.n_files, 2);
    assert_int_equal(config_read("/dev/zero", fields, &f->got, sizeof f->got, &f->arena, &f->faults), -EINVAL);
    assert_string_equal(f->faults.at[2].text, "/dev/zero: larger than 1048576 bytes");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void a_mapping_fills_a_struct(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, OK "\nhome: {host: here, urgent: true}\n");
    assert_string_equal(f->got.home.host, "here");
    assert_true(f->got.home.urgent);
    assert_int_equal(f->got.home.port, 0);
    assert_int_equal(f->got.home_line, 3);
}

static void a_mapping_that_does_not_fit_is_a_fault(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, OK "home: [here]\n", "a.yaml:2: `home` is a list of 1 items, want a mapping: where it belongs");
    assert_fault(f, OK "home:\n  port: 0\n  host: x\n",
                 "a.yaml:3: `port` is \"0\", want a whole number from 1 to 65535");
    assert_fault(f, OK "home: {}\n", "a.yaml:2: `host` is missing, want a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_value_is_read),
        TEST(a_mapping_fills_a_struct),
        TEST(a_mapping_that_does_not_fit_is_a_fault),
        TEST(what_is_not_given_keeps_its_default),
        TEST(where_one_will_do_a_text_is_a_list_of_it),
        TEST(empty_lists_are_lists),
        TEST(all_faults_are_told_each_with_its_line),
        TEST(faults_past_the_first_twenty_are_counted),
        TEST(faults_are_printed_a_line_each_and_the_rest_counted),
        TEST(faults_of_several_files_are_collected),
        TEST(an_unknown_key_names_the_closest_known_one),
        TEST(an_unknown_key_close_to_none_lists_what_is_allowed),
        TEST(a_key_that_is_gone_says_what_became_of_it_whatever_it_holds),
        TEST(a_doubled_key_names_both_lines),
        TEST(values_of_the_wrong_type_are_refused),
        TEST(values_out_of_range_are_refused),
        TEST(an_empty_file_lacks_what_is_required),
        TEST(broken_yaml_says_its_line),
        TEST(a_nul_byte_cannot_hide_the_rest_of_a_text),
        TEST(anchors_aliases_tags_and_further_documents_are_refused),
        TEST(nesting_has_a_limit),
        TEST(a_file_of_too_many_nodes_is_refused),
        TEST(a_full_arena_is_a_fault),
        TEST(a_secret_is_never_shown),
        TEST(a_secret_comes_from_its_file_without_the_last_newline),
        TEST(a_relative_secret_file_lies_beside_the_file_that_names_it),
        TEST(a_secret_and_its_file_exclude_each_other),
        TEST(a_secret_file_that_holds_no_secret_is_refused),
        TEST(only_secrets_have_a_file_twin),
        TEST(a_file_that_cannot_be_read_is_told_apart),
    };
    return cmocka_run_group_tests_name("base.config", tests, NULL, NULL);
}
