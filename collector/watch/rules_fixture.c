#include "collector/watch/rules_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

int teardown(void **state)
{
    free(*state);
    return 0;
}

int parse(struct fixture *f, const char *text)
{
    f->n = 0;
    f->faults = (struct config_faults){ 0 };
    return rules_parse("rules.yaml", text, strlen(text), f->rules, &f->n, NULL, &f->faults);
}

const struct rule *parse_one(struct fixture *f, const char *text)
{
    if (parse(f, text) != 0)
        fail_msg("%s", f->faults.at[0].text);
    assert_int_equal(f->n, 1);
    return &f->rules[0];
}

void assert_fault(struct fixture *f, const char *body, const char *line, const char *says)
{
    char text[1024];
    struct rule before;
    snprintf(text, sizeof text, "rules:\n  - name: r\n%s", body);
    memset(&f->rules[0], 0x5a, sizeof f->rules[0]);
    before = f->rules[0];
    assert_int_equal(parse(f, text), -EINVAL);
    assert_in_range(f->faults.n, 1, 3);
    bool found = false;
    for (size_t i = 0; i < f->faults.n; i++)
        found = found || (strstr(f->faults.at[i].text, says) && strstr(f->faults.at[i].text, line));
    if (!found)
        fail_msg("\"%s\" does not say %s %s", f->faults.at[0].text, line, says);
    assert_memory_equal(&f->rules[0], &before, sizeof before);
    assert_int_equal(f->n, 0);
}
