// Times as text (RFC 3339). The calendar is counted in years that begin in March, so that the leap
// day is the last one, and in eras of 400 years, which all have the same number of days.
#include "base/text.h"

#include <stdio.h>

#define DAYS_PER_ERA            146097
#define DAYS_FROM_ERA_0_TO_1970 719468
#define MS_PER_DAY              UINT64_C(86400000)
#define UNIX_MS_OF_YEAR_10000   UINT64_C(253402300800000)

struct civil_date {
    uint32_t year;
    uint32_t month; // 1 to 12
    uint32_t day;   // 1 to 31
};

// Days since 1970-01-01; years from 0 on, so that it may be negative.
static int64_t days_from_date(struct civil_date date)
{
    uint32_t year = date.year + 400 - (date.month <= 2); // one era up: never below 0
    uint32_t month = (date.month + 9) % 12;              // March is 0
    uint32_t year_of_era = year % 400;
    // 153 days in the five months from March to July, and again from August on.
    uint32_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t era = (int64_t)(year / 400) - 1;
    return era * DAYS_PER_ERA + day_of_era - DAYS_FROM_ERA_0_TO_1970;
}

static struct civil_date date_from_days(uint64_t days)
{
    uint64_t shifted = days + DAYS_FROM_ERA_0_TO_1970;
    uint32_t day_of_era = (uint32_t)(shifted % DAYS_PER_ERA);
    // Without the leap days before it, each year of the era has 365 days.
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;
    struct civil_date date = {
        .year = (uint32_t)(shifted / DAYS_PER_ERA) * 400 + year_of_era,
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
    date.year += date.month <= 2;
    return date;
}

static uint32_t days_of_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap_year ? 29 : days[month - 1];
}

// Cuts `count` digits off *rest, with a value from `low` to `high`.
static bool take_digits(struct slice *rest, size_t count, uint32_t low, uint32_t high,
                        uint32_t *value)
{
    uint64_t parsed;
    if (rest->length < count || !text_parse_u64(slice_first(*rest, count), &parsed) ||
        parsed < low || parsed > high) {
        return false;
    }
    *rest = slice_after(*rest, count);
    *value = (uint32_t)parsed;
    return true;
}

// Cuts one byte off *rest, which must be `one` or `other`.
static bool take_either(struct slice *rest, uint8_t one, uint8_t other)
{
    if (rest->length == 0 || (rest->at[0] != one && rest->at[0] != other)) {
        return false;
    }
    *rest = slice_after(*rest, 1);
    return true;
}

static bool take_byte(struct slice *rest, uint8_t byte)
{
    return take_either(rest, byte, byte);
}

static bool take_date(struct slice *rest, struct civil_date *date)
{
    return take_digits(rest, 4, 0, 9999, &date->year) && take_byte(rest, '-') &&
           take_digits(rest, 2, 1, 12, &date->month) && take_byte(rest, '-') &&
           take_digits(rest, 2, 1, days_of_month(date->year, date->month), &date->day);
}

// The fraction of a second, if there is one.
static bool take_fraction(struct slice *rest, uint32_t *milliseconds)
{
    *milliseconds = 0;
    if (!take_byte(rest, '.')) {
        return true;
    }
    uint32_t unit = 100;
    size_t count = 0;
    for (; rest->length > 0 && rest->at[0] >= '0' && rest->at[0] <= '9'; count++) {
        *milliseconds += unit * (uint32_t)(rest->at[0] - '0');
        unit /= 10;
        *rest = slice_after(*rest, 1);
    }
    return count > 0;
}

static bool take_offset(struct slice *rest, int64_t *minutes)
{
    *minutes = 0;
    if (take_either(rest, 'Z', 'z')) {
        return true;
    }
    bool is_behind = rest->length > 0 && rest->at[0] == '-';
    uint32_t hour;
    uint32_t minute;
    if (!take_either(rest, '+', '-') || !take_digits(rest, 2, 0, 23, &hour) ||
        !take_byte(rest, ':') || !take_digits(rest, 2, 0, 59, &minute)) {
        return false;
    }
    int64_t distance = (int64_t)hour * 60 + minute;
    *minutes = is_behind ? -distance : distance;
    return true;
}

bool text_parse_rfc3339(struct slice text, uint64_t *unix_ms)
{
    struct civil_date date;
    uint32_t hour;
    uint32_t minute;
    uint32_t second; // 60 is a leap second
    uint32_t milliseconds;
    int64_t offset_minutes;
    struct slice rest = text;
    bool is_valid = take_date(&rest, &date) && take_either(&rest, 'T', 't') &&
                    take_digits(&rest, 2, 0, 23, &hour) && take_byte(&rest, ':') &&
                    take_digits(&rest, 2, 0, 59, &minute) && take_byte(&rest, ':') &&
                    take_digits(&rest, 2, 0, 60, &second) && take_fraction(&rest, &milliseconds) &&
                    take_offset(&rest, &offset_minutes) && rest.length == 0;
    if (!is_valid) {
        return false;
    }
    int64_t minutes = days_from_date(date) * 1440 + hour * 60 + minute - offset_minutes;
    int64_t total_ms = (minutes * 60 + second) * 1000 + milliseconds;
    if (total_ms < 0) {
        return false;
    }
    *unix_ms = (uint64_t)total_ms;
    return true;
}

size_t text_format_rfc3339(uint64_t unix_ms, char into[TEXT_RFC3339_BYTES])
{
    if (unix_ms >= UNIX_MS_OF_YEAR_10000) {
        unix_ms = UNIX_MS_OF_YEAR_10000 - 1;
    }
    struct civil_date date = date_from_days(unix_ms / MS_PER_DAY);
    uint32_t ms = (uint32_t)(unix_ms % MS_PER_DAY);
    int length = snprintf(into, TEXT_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                          date.year % 10000, date.month % 100, date.day % 100, ms / 3600000 % 100,
                          ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    ASSERT(length == TEXT_RFC3339_BYTES - 1);
    return TEXT_RFC3339_BYTES - 1;
}

static char *put_two_digits(char *at, uint32_t number)
{
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
    return at + 2;
}

static char *put_text(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

// Each answer has one: without printf, and without the C library's lock on time zones.
void text_format_http_date(uint64_t unix_ms, char into[TEXT_HTTP_DATE_BYTES])
{
    static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    enum { WEEKDAY_OF_1970_01_01 = 4 };
    if (unix_ms >= UNIX_MS_OF_YEAR_10000) {
        unix_ms = UNIX_MS_OF_YEAR_10000 - 1;
    }
    uint64_t days = unix_ms / MS_PER_DAY;
    struct civil_date date = date_from_days(days);
    uint32_t seconds = (uint32_t)(unix_ms % MS_PER_DAY / 1000);
    char *at = put_text(into, weekdays[(days + WEEKDAY_OF_1970_01_01) % 7], 3);
    at = put_text(at, ", ", 2);
    at = put_two_digits(at, date.day);
    at = put_text(at, " ", 1);
    at = put_text(at, months[date.month - 1], 3);
    at = put_text(at, " ", 1);
    at = put_two_digits(at, date.year / 100);
    at = put_two_digits(at, date.year);
    at = put_text(at, " ", 1);
    at = put_two_digits(at, seconds / 3600);
    at = put_text(at, ":", 1);
    at = put_two_digits(at, seconds / 60 % 60);
    at = put_text(at, ":", 1);
    at = put_two_digits(at, seconds % 60);
    at = put_text(at, " GMT", 4);
    ASSERT(at == into + TEXT_HTTP_DATE_BYTES);
}
