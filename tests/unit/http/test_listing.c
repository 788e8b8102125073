#include "http/listing.h"

#include "unit/http/fixture.h"

#include "base/limits.h"

static struct http_request request;
static struct http_route route;
static struct http_fault fault;

static void find(const char *method, const char *target, enum http_route_kind kind)
{
    request_make(&request, method, target, "");
    memset(&fault, 0, sizeof(fault));
    cr_assert_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault), ERR_NONE, "%s",
                 target);
    cr_assert_eq(route.kind, kind);
}

struct listing_case {
    const char *query;
    enum rc_error error;
    const char *prefix;
    uint32_t limit;
    uint64_t after;
};

Test(listing, of_streams)
{
    static const struct listing_case cases[] = {
        {"", ERR_NONE, "", LISTING_LIMIT_DEFAULT, 0},
        {"?", ERR_NONE, "", LISTING_LIMIT_DEFAULT, 0},
        {"?prefix=chat%2F&limit=1&after=18446744073709551615", ERR_NONE, "chat/", 1, UINT64_MAX},
        {"?prefix=&limit=10000", ERR_NONE, "", LISTING_LIMIT_MAX, 0},
        {"?prefix=a+b", ERR_NONE, "a b", LISTING_LIMIT_DEFAULT, 0},
        {"?limit=0", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?limit=10001", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?limit=-1", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?limit=4294967297", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?limit", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?after=x", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?after=18446744073709551616", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?prefix=%00", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?prefix=%ff", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?prefix=%0d%0a", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?prefix=%zz", ERR_INVALID_REQUEST, "", 0, 0},
        {"?prefix=a&prefix=b", ERR_INVALID_PARAMETER, "", 0, 0},
        {"?prefx=a", ERR_INVALID_PARAMETER, "", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char target[128];
        snprintf(target, sizeof(target), "/streams%s", cases[i].query);
        find("GET", target, HTTP_ROUTE_LIST);
        struct listing listing;
        cr_expect_eq(listing_parse(&listing, &request, &route, &fault), cases[i].error, "%s: %s",
                     target, fault.detail);
        cr_expect_eq(fault.error, cases[i].error);
        if (cases[i].error == ERR_NONE) {
            expect_slice(listing.prefix, cases[i].prefix, target);
            cr_expect_eq(listing.limit, cases[i].limit, "%s", target);
            cr_expect_eq(listing.after, cases[i].after, "%s", target);
        }
    }
}

Test(listing, a_prefix_is_no_longer_than_a_name)
{
    for (int over = 0; over < 2; over++) {
        char target[512] = "/streams?prefix=";
        memset(target + strlen(target), 'p', (size_t)(NAME_BYTES_MAX + over));
        find("GET", target, HTTP_ROUTE_LIST);
        struct listing listing;
        cr_expect_eq(listing_parse(&listing, &request, &route, &fault),
                     over == 0 ? ERR_NONE : ERR_INVALID_PARAMETER);
    }
}

Test(listing, info)
{
    bool wants_reach;
    find("GET", "/streams/a?view=info", HTTP_ROUTE_INFO);
    cr_expect_eq(info_parse(&wants_reach, &request, &route, &fault), ERR_NONE);
    cr_expect_not(wants_reach);
    find("GET", "/streams/a?reach=1&view=info", HTTP_ROUTE_INFO);
    cr_expect_eq(info_parse(&wants_reach, &request, &route, &fault), ERR_NONE);
    cr_expect(wants_reach);
    find("GET", "/streams/a?view=info&reach=2", HTTP_ROUTE_INFO);
    cr_expect_eq(info_parse(&wants_reach, &request, &route, &fault), ERR_INVALID_PARAMETER);
    find("GET", "/streams/a?view=info&from=1", HTTP_ROUTE_INFO);
    cr_expect_eq(info_parse(&wants_reach, &request, &route, &fault), ERR_INVALID_PARAMETER);
    find("GET", "/streams/a?view=info&view=info", HTTP_ROUTE_INFO);
    cr_expect_eq(info_parse(&wants_reach, &request, &route, &fault), ERR_INVALID_PARAMETER);
}

Test(listing, no_parameters)
{
    find("PUT", "/streams/a", HTTP_ROUTE_CREATE);
    cr_expect_eq(no_parameters_parse(&request, &route, &fault), ERR_NONE);
    find("DELETE", "/streams/a?&&", HTTP_ROUTE_DELETE);
    cr_expect_eq(no_parameters_parse(&request, &route, &fault), ERR_NONE);
    find("POST", "/streams?name=a", HTTP_ROUTE_CREATE_UUID);
    cr_expect_eq(no_parameters_parse(&request, &route, &fault), ERR_INVALID_PARAMETER);
    cr_expect_str_eq(fault.detail, "There is no parameter \"name\" here");
}
