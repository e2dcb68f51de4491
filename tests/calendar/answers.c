/* Asks the collector's calendar what standard input says, a question a line, and prints an answer each:
 *
 *   days ZONE DAY N        start and end in seconds since 1970, or "none"
 *   day ZONE SECOND        the day it lies in
 *   turn ZONE DAY HH:MM TURN_S N SECOND
 *                          of a rota of N members: who is on duty, from 0, and the seconds between which
 *   years DAY N            the anniversary
 *   calendar PATH          "read": the calendar that the next ones are about
 *   working DAY            1 or 0, or "unknown"
 *   earliest DAY LEAD      the first day that is as many working days ahead, or "unknown"; `latest` likewise
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collector/event/calendar.h"
#include "collector/event/holidays.h"
#include "collector/event/rota.h"

enum { WORDS_MAX = 7 };
static struct holidays holidays;

static int64_t number_of(const char *day)
{
    int64_t number = 0;
    if (calendar_number(day, &number, NULL) < 0)
        exit(2);
    return number;
}

static void say_day(int rc, int64_t number)
{
    char text[CALENDAR_DAY_TEXT];
    puts(rc < 0 ? "unknown" : calendar_text(text, number));
}

static void say_days(char *const word[])
{
    int64_t start_us, end_us;
    if (calendar_days(word[1], word[2], atol(word[3]), &start_us, &end_us, NULL) < 0)
        puts("none");
    else
        printf("%" PRId64 " %" PRId64 "\n", start_us / US_PER_S, end_us / US_PER_S);
}

static void say_day_of(char *const word[])
{
    char day[CALENDAR_DAY_TEXT];
    puts(calendar_day_of(word[1], atol(word[2]) * US_PER_S, day, NULL) < 0 ? "none" : day);
}

static void say_turn(char *const word[])
{
    static const char *const members[] = { "0", "1", "2", "3", "4", "5", "6" };
    struct rota rota = { "rota", word[1], members, (size_t)atol(word[5]), 0, atol(word[4]) * US_PER_S };
    struct rota_duty duty;
    if (rota.n_members < 1 || rota.n_members > sizeof members / sizeof *members ||
        rota_first(word[2], word[3], &rota.first_s, NULL) < 0 ||
        rota_duty(&rota, NULL, 0, atol(word[6]) * US_PER_S, &duty, NULL) < 0)
        exit(2);
    printf("%s %" PRId64 " %" PRId64 "\n", duty.contact, duty.from_us / US_PER_S, duty.to_us / US_PER_S);
}

static void say_years(char *const word[])
{
    say_day(0, calendar_years_on(number_of(word[1]), atol(word[2])));
}

static void read_calendar(char *const word[])
{
    struct config_faults faults = { 0 };
    if (holidays_read(word[1], &holidays, &faults) < 0)
        exit(2);
    puts("read");
}

static void say_working(char *const word[])
{
    bool working = false;
    int rc = holidays_is_working(&holidays, number_of(word[1]), &working, NULL);
    puts(rc < 0 ? "unknown" : working ? "1" : "0");
}

static void say_earliest(char *const word[])
{
    int64_t day = 0;
    int rc = holidays_earliest(&holidays, number_of(word[1]), atoi(word[2]), &day, NULL);
    say_day(rc, day);
}

static void say_latest(char *const word[])
{
    int64_t day = 0;
    int rc = holidays_latest(&holidays, number_of(word[1]), atoi(word[2]), &day, NULL);
    say_day(rc, day);
}

static const struct {
    const char *name;
    size_t n_words;
    void (*say)(char *const word[]);
} questions[] = {
    { "days", 4, say_days },         { "day", 3, say_day_of },         { "turn", 7, say_turn },
    { "years", 3, say_years },       { "calendar", 2, read_calendar }, { "working", 2, say_working },
    { "earliest", 3, say_earliest }, { "latest", 3, say_latest },
};

int main(void)
{
    char line[512];
    while (fgets(line, sizeof line, stdin)) {
        char *word[WORDS_MAX];
        char *rest = line;
        size_t n = 0, asked = 0;
        while (n < WORDS_MAX && (word[n] = strsep(&rest, " \n")) && *word[n])
            n++;
        for (; asked < sizeof questions / sizeof *questions; asked++)
            if (n > 0 && strcmp(questions[asked].name, word[0]) == 0 && questions[asked].n_words == n)
                break;
        if (asked == sizeof questions / sizeof *questions)
            return 2;
        questions[asked].say(word);
    }
    return 0;
}
