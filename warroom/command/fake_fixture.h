/* warroom/command/fake_fixture.h - for tests: a console whose clock stands still, whose terminal is memory and
 * whose collector answers from a list. */
#pragma once
#include "warroom/command/command.h"

struct fake; /* opaque: one at a time, the collector's line has no user pointer */

/* Wall time is 2026-11-23T02:41:00Z, TZ Asia/Shanghai. */
struct fake *fake_open(void);
void fake_close(struct fake *fake);
/* The same around a test, as cmocka wants them. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* The collector's next answer: JSON in which single quotes stand for double ones. After the last one nobody listens. */
void fake_answer(struct fake *fake, const char *text);
/* The next question fails with this code. */
void fake_fail(struct fake *fake, int rc);
/* The feed's next item, likewise; NULL: none in time. After the last one the feed breaks. */
void fake_feed(struct fake *fake, const char *text);

/* How often the console has waited; it does not take any time. */
int fake_pauses(struct fake *fake);

void fake_terminal(struct fake *fake, bool colour);

/* Runs `line`, cut at blanks ('...' keeps them). */
enum command_exit fake_run(struct fake *fake, const char *line);

/* `line`, answered so, prints this and nothing else. */
void prints(struct fake *fake, const char *line, const char *answer, const char *expected);

const char *fake_out(struct fake *fake); /* of the last run; borrowed, as what follows */
const char *fake_err(struct fake *fake);
const char *fake_asked(struct fake *fake, size_t i); /* the i-th request, "" when there was none */
const char *fake_path(struct fake *fake);            /* where the last one went */
