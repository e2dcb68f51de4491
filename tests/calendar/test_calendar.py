"""Days of the collector's calendar beside a second source: zones by zoneinfo, dates by datetime, calendars by another
reader of the same files."""
import bisect
import datetime
import os
import pathlib
import random
import re
import subprocess
import unittest
import zoneinfo

ROOT = pathlib.Path(__file__).resolve().parents[2]
UTC = datetime.timezone.utc
ONE = datetime.timedelta(days=1)

# Zones that change their clocks at midnight, by half an hour, in the south, at other times, never; and two that left a
# day out.
ZONES = ["UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Europe/London", "Europe/Berlin", "America/New_York",
         "America/Los_Angeles", "America/St_Johns", "America/Sao_Paulo", "America/Santiago", "America/Havana",
         "America/Asuncion", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Tehran", "Asia/Amman",
         "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
         "Pacific/Kiritimati", "Atlantic/Azores", "America/Scoresbysund"]


def ask(questions):
    done = subprocess.run([os.environ["CALENDAR_ANSWERS"]], input="".join(q + "\n" for q in questions),
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"the answers ended with {done.returncode}: {done.stderr}")
    answers = done.stdout.splitlines()
    if len(answers) != len(questions):
        raise AssertionError(f"{len(answers)} answers to {len(questions)} questions")
    return answers


def shown(zone, second):
    """The date that the zone's clock shows."""
    return datetime.datetime.fromtimestamp(second, UTC).astimezone(zoneinfo.ZoneInfo(zone)).date()


def first_second(zone, day):
    """The first second at which the zone's clock shows `day` or a later one: looked for, not computed."""
    noon = int(datetime.datetime.combine(day, datetime.time(12), UTC).timestamp())
    low, high = noon - 40 * 3600, noon + 40 * 3600  # before and behind it in any zone
    while high - low > 1:  # dates never go back by the clocks of these zones, but for the hour looked at below
        middle = (low + high) // 2
        low, high = (low, middle) if shown(zone, middle) >= day else (middle, high)
    # A clock put back over midnight shows the day twice: the first time counts. Clocks change at full minutes.
    for earlier in range(high - 60, high - 7260, -60):
        if shown(zone, earlier) >= day:
            high = earlier
    return high


def change_days(zone, years):
    """Days on which the clock of a zone changes, found by its offsets."""
    at = datetime.datetime(years[0], 1, 1, tzinfo=UTC)
    found = []
    while at.year <= years[-1]:
        later = at + ONE
        if at.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset() != later.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset():
            found.append(at.date())
        at = later
    return found


class Zones(unittest.TestCase):
    def vectors(self):
        dice = random.Random(2026)
        for zone in ZONES:
            days = {datetime.date(2024, 2, 29), datetime.date(2025, 2, 28), datetime.date(2026, 12, 31)}
            for change in change_days(zone, range(2017, 2028)):
                days |= {change + ONE * n for n in (-1, 0, 1)}
            days |= {datetime.date(2010, 1, 1) + ONE * dice.randrange(366 * 20) for _ in range(10)}
            for day in sorted(days):
                yield zone, day, dice.choice((1, 1, 1, 2, 3, 7, 31))

    def test_days_begin_and_end_as_zoneinfo_has_them(self):
        vectors = list(self.vectors())
        self.assertGreater(len(vectors), 900)
        lengths = set()
        answers = ask([f"days {zone} {day} {n}" for zone, day, n in vectors])
        for (zone, day, n), answer in zip(vectors, answers):
            start, end = first_second(zone, day), first_second(zone, day + n * ONE)
            self.assertEqual(answer, f"{start} {end}", f"{zone} {day} {n}")
            if n == 1:
                lengths.add((end - start) // 1800)
        self.assertTrue({46, 47, 48, 49, 50} <= lengths, lengths)

    def test_a_day_that_a_zone_left_out_is_none(self):
        answers = ask(["days Pacific/Apia 2011-12-30 1", "days Pacific/Apia 2011-12-29 1", "days Pacific/Apia 2011-12-31 1"])
        self.assertNotEqual(shown("Pacific/Apia", first_second("Pacific/Apia", datetime.date(2011, 12, 30))),
                            datetime.date(2011, 12, 30))
        self.assertEqual(answers[0], "none")
        for day, answer in ((29, answers[1]), (31, answers[2])):
            date = datetime.date(2011, 12, day)
            self.assertEqual(answer, f"{first_second('Pacific/Apia', date)} {first_second('Pacific/Apia', date + ONE)}")

    def test_an_instant_lies_in_the_day_that_zoneinfo_says(self):
        dice = random.Random(7)
        vectors = [(dice.choice(ZONES), dice.randrange(1262304000, 1893456000)) for _ in range(2000)]
        answers = ask([f"day {zone} {second}" for zone, second in vectors])
        for (zone, second), answer in zip(vectors, answers):
            self.assertEqual(answer, str(shown(zone, second)), f"{zone} {second}")

    def test_an_anniversary_is_that_of_datetime_but_for_february_29(self):
        days = [datetime.date(2023, 12, 30) + ONE * n for n in range(800)]
        answers = ask([f"years {day} {n}" for day in days for n in (1, 2, 4)])
        for (day, n), answer in zip(((day, n) for day in days for n in (1, 2, 4)), answers):
            try:
                wanted = day.replace(year=day.year + n)
            except ValueError:
                wanted = datetime.date(day.year + n, 3, 1)
            self.assertEqual(answer, str(wanted))


class Rotas(unittest.TestCase):
    """Turns walked one by one: second by second of the clock's own show, by zoneinfo."""

    def first_shown(self, zone, local):
        """The first second at which the zone's clock shows `local` or more: looked for at its changes, not computed."""
        tz = zoneinfo.ZoneInfo(zone)
        guess = int(local.replace(tzinfo=UTC).timestamp())

        def shows(second):
            return datetime.datetime.fromtimestamp(second, UTC).astimezone(tz).replace(tzinfo=None) >= local
        # On a grid of minutes, on which all of these clocks change, from before it in any zone.
        found = next(second for second in range(guess - 15 * 3600, guess + 40 * 3600, 60) if shows(second))
        self.assertFalse(shows(found - 1))
        return found

    def vectors(self):
        dice = random.Random(86400)
        for zone in ZONES:
            changes = change_days(zone, range(2010, 2028))
            for day in dice.sample(changes, min(len(changes), 6)) + [datetime.date(2026, 11, 23)]:
                turn = dice.choice((3600, 5400, 6 * 3600, 8 * 3600, 12 * 3600, 86400, 36 * 3600, 7 * 86400, 31 * 86400))
                start = day - ONE * dice.randrange(-40, 400)
                at = datetime.time(dice.randrange(24), dice.choice((0, 15, 30)))
                second = int(datetime.datetime.combine(day, datetime.time(), UTC).timestamp()) + dice.randrange(-50000, 130000)
                yield zone, start, at, turn, dice.randrange(1, 8), second

    def test_who_is_on_duty_and_since_when_is_as_zoneinfo_has_it(self):
        vectors = list(self.vectors())
        self.assertGreater(len(vectors), 120)
        answers = ask([f"turn {zone} {day} {at:%H:%M} {turn} {n} {second}" for zone, day, at, turn, n, second in vectors])
        lengths = set()
        for (zone, day, at, turn, n, second), answer in zip(vectors, answers):
            member, begins, ends = map(int, answer.split())
            first = datetime.datetime.combine(day, at)
            # Which turn: the last one that has begun. Turns begin in their order, so it is looked for by halves.
            guess = (second - int(first.replace(tzinfo=UTC).timestamp())) // turn
            around = range(guess - 2 * 86400 // turn - 1, guess + 2 * 86400 // turn + 3)

            def start(k):
                return self.first_shown(zone, first + datetime.timedelta(seconds=turn * k))
            k = around[bisect.bisect_right(around, second, key=start) - 1]
            self.assertEqual((member, begins, ends), (k % n, start(k), start(k + 1)),
                             f"{zone} {day} {at} {turn} {n} {second}")
            lengths.add((ends - begins) - turn)
        self.assertTrue({-3600, 0, 3600} <= lengths, lengths)


class Calendar:
    """The same file by other means: lines and patterns, no YAML."""

    def __init__(self, path):
        self.years, self.off, self.working = set(), set(), set()
        for line in path.read_text().splitlines():
            line = line.split("#")[0]
            days = [datetime.date.fromisoformat(day) for day in re.findall(r"\d{4}-\d\d-\d\d", line)]
            if year := re.match(r"\s*- year: (\d+)$", line):
                self.years.add(int(year[1]))
            elif "from:" in line:
                self.off |= {days[0] + ONE * n for n in range((days[-1] - days[0]).days + 1)}
            elif "day:" in line:
                self.working.add(days[0])

    def is_working(self, day):
        return day in self.working or (day.weekday() < 5 and day not in self.off)

    def ahead(self, day, lead, step):
        """The day beyond `lead` whole working days; None: the file does not reach there."""
        at, left = day, lead
        while left > 0:
            at += step
            if at.year not in self.years:
                return None
            left -= self.is_working(at)
        return at + step if lead else at


class Holidays(unittest.TestCase):
    def calendars(self):
        paths = sorted((ROOT / "share/calendars").glob("*.yaml"))
        self.assertGreaterEqual(len(paths), 2)
        for path in paths:
            yield path, Calendar(path)

    def test_each_day_of_each_calendar_is_worked_on_or_not(self):
        for path, calendar in self.calendars():
            first, last = datetime.date(min(calendar.years) - 1, 12, 20), datetime.date(max(calendar.years) + 1, 1, 10)
            days = [first + ONE * n for n in range((last - first).days)]
            answers = ask([f"calendar {path}"] + [f"working {day}" for day in days])[1:]
            for day, answer in zip(days, answers):
                wanted = str(int(calendar.is_working(day))) if day.year in calendar.years else "unknown"
                self.assertEqual(answer, wanted, f"{path.name} {day}")
            self.assertIn("unknown", answers)

    def test_days_ahead_are_counted_the_same(self):
        for path, calendar in self.calendars():
            first = datetime.date(min(calendar.years), 1, 1)
            asked = [(first + ONE * n, lead) for n in range(365 * len(calendar.years)) for lead in (0, 1, 3, 10)]
            for word, step in (("earliest", ONE), ("latest", -ONE)):
                answers = ask([f"calendar {path}"] + [f"{word} {day} {lead}" for day, lead in asked])[1:]
                for (day, lead), answer in zip(asked, answers):
                    self.assertEqual(answer, str(calendar.ahead(day, lead, step) or "unknown"), f"{word} {day} {lead}")

    def test_days_that_make_up_are_weekends_that_are_worked_on(self):
        calendar = dict((path.name, calendar) for path, calendar in self.calendars())["cn.yaml"]
        self.assertEqual(len(calendar.working), 6)
        for day in calendar.working:
            self.assertGreaterEqual(day.weekday(), 5)
            self.assertTrue(calendar.is_working(day))


if __name__ == "__main__":
    unittest.main()
