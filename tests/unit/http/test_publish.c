#include "http/publish.h"

#include "unit/http/fixture.h"

static struct http_request request;
static struct publish_parameters parameters;
static struct http_fault fault;

static enum rc_error parse(const char *target, const char *header_fields)
{
    request_make(&request, "POST", target, header_fields);
    struct http_route route;
    memset(&parameters, 0xaa, sizeof(parameters));
    memset(&fault, 0, sizeof(fault));
    cr_assert_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault), ERR_NONE, "%s",
                 target);
    return publish_parse(&parameters, &request, &route, &fault);
}

static void accept(const char *target, const char *header_fields)
{
    cr_assert_eq(parse(target, header_fields), ERR_NONE, "%s %s: %s", target, header_fields,
                 fault.detail);
}

Test(publish, defaults)
{
    accept("/streams/chat/42", "");
    cr_expect_eq(parameters.body, BODY_RAW);
    cr_expect_eq(parameters.ack, ACK_WRITTEN);
    cr_expect_eq(parameters.life, STREAM_OPEN);
    cr_expect_not(parameters.wants_reach);
    const struct event *event = &parameters.event;
    expect_slice(event->stream, "chat/42", "stream");
    cr_expect_eq(event->priority, PRIORITY_NORMAL);
    cr_expect(event->type.length == 0 && event->attributes.length == 0 && event->data.length == 0);
    cr_expect(event->retry_ms == 0 && event->ttl_ms == 0 && event->producer_id == 0);
    cr_expect_not(event->ephemeral || event->binary);
}

// The values of an attribute, joined by |.
static const char *attributes_of(enum attribute_kind kind)
{
    static char text[4096];
    text[0] = '\0';
    struct slice rest = parameters.event.attributes;
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        if (attribute.kind == kind) {
            size_t length = strlen(text);
            snprintf(text + length, sizeof(text) - length, "%s" SLICE_FORMAT,
                     length == 0 ? "" : "|", SLICE_ARGUMENTS(attribute.value));
        }
    }
    cr_assert_not(malformed);
    return text;
}

Test(publish, everything)
{
    accept("/streams/a%20b?type=text%2Fdelta&priority=high&retry=100&body=ndjson&reach=1&ack=synced"
           "&ttl_ms=4294967295&ephemeral=true&source=model+7&correlation_id=c&tag=x&tag=y%26z"
           "&topic=t&action=cancel&",
           "Producer-Id: 7\r\nProducer-Seq: 18446744073709551615\r\nProducer-Epoch: 4294967295\r\n"
           "Content-Type: application/json\r\n");
    const struct event *event = &parameters.event;
    expect_slice(event->stream, "a b", "stream");
    expect_slice(event->type, "text/delta", "type");
    cr_expect_eq(event->priority, PRIORITY_HIGH);
    cr_expect_eq(event->retry_ms, 100);
    cr_expect_eq(event->ttl_ms, UINT32_MAX);
    cr_expect(event->ephemeral);
    cr_expect_eq(event->producer_id, 7);
    cr_expect_eq(event->producer_sequence, UINT64_MAX);
    cr_expect_eq(event->producer_epoch, UINT32_MAX);
    cr_expect_str_eq(attributes_of(ATTRIBUTE_SOURCE), "model 7");
    cr_expect_str_eq(attributes_of(ATTRIBUTE_CORRELATION), "c");
    cr_expect_str_eq(attributes_of(ATTRIBUTE_TAG), "x|y&z");
    cr_expect_str_eq(attributes_of(ATTRIBUTE_TOPIC), "t");
    cr_expect_str_eq(attributes_of(ATTRIBUTE_CONTENT_TYPE), "", "body= wins over it");
    cr_expect_eq(parameters.body, BODY_NDJSON);
    cr_expect_eq(parameters.ack, ACK_SYNCED);
    cr_expect_eq(parameters.life, STREAM_CANCELLED);
    cr_expect(parameters.wants_reach);
}

Test(publish, fields)
{
    accept("/streams/a", "Event-Type: \xc3\xa9t\xc3\xa9 \r\nAck: received\r\n");
    expect_slice(parameters.event.type, "\xc3\xa9t\xc3\xa9", "type");
    cr_expect_eq(parameters.ack, ACK_RECEIVED);
    accept("/streams/a?type=b&ack=synced", "Event-Type: b\r\nAck: synced\r\n");
    expect_slice(parameters.event.type, "b", "type");
    cr_expect_eq(parameters.ack, ACK_SYNCED);
}

struct body_case {
    const char *target;
    const char *content_type;
    enum body_kind body;
    const char *kept; // as the event's content type
    bool binary;
};

Test(publish, how_the_body_is_read)
{
    static const struct body_case cases[] = {
        {"/streams/a", "application/json", BODY_JSON, "", false},
        {"/streams/a", "Application/JSON; charset=utf-8", BODY_JSON, "", false},
        {"/streams/a", "application/jsonx", BODY_RAW, "application/jsonx", false},
        {"/streams/a", "application/x-ndjson", BODY_NDJSON, "", false},
        {"/streams/a", "application/x-www-form-urlencoded", BODY_FORM, "", false},
        {"/streams/a", "text/plain", BODY_RAW, "text/plain", false},
        {"/streams/a", "application/octet-stream", BODY_RAW, "application/octet-stream", true},
        {"/streams/a", "APPLICATION/Octet-Stream ;x", BODY_RAW, "APPLICATION/Octet-Stream ;x",
         true},
        {"/streams/a?body=raw", "application/json", BODY_RAW, "application/json", false},
        {"/streams/a?body=json", "text/plain", BODY_JSON, "", false},
        {"/streams/a?body=form", "application/octet-stream", BODY_FORM, "", false},
        {"/broadcast", "text/html", BODY_RAW, "text/html", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char fields[128];
        snprintf(fields, sizeof(fields), "Content-Type: %s\r\n", cases[i].content_type);
        accept(cases[i].target, fields);
        cr_expect_eq(parameters.body, cases[i].body, "%s", cases[i].content_type);
        cr_expect_str_eq(attributes_of(ATTRIBUTE_CONTENT_TYPE), cases[i].kept);
        cr_expect_eq(parameters.event.binary, cases[i].binary, "%s", cases[i].content_type);
    }
}

Test(publish, to_connections)
{
    static const char *const targets[] = {"/connections/1f", "/broadcast"};
    for (size_t i = 0; i < 2; i++) {
        char target[128];
        snprintf(target, sizeof(target), "%s?type=a&priority=0&retry=1&body=json&reach=0",
                 targets[i]);
        accept(target, "");
        expect_slice(parameters.event.type, "a", "type");
        cr_expect(event_name_is_valid(parameters.event.stream));
        static const char *const not_here[] = {"ack=written",  "ttl_ms=1",        "ephemeral=1",
                                               "action=close", "source=a",        "tag=a",
                                               "topic=a",      "correlation_id=a"};
        for (size_t j = 0; j < sizeof(not_here) / sizeof(not_here[0]); j++) {
            snprintf(target, sizeof(target), "%s?%s", targets[i], not_here[j]);
            cr_expect_eq(parse(target, ""), ERR_INVALID_PARAMETER, "%s", target);
        }
        cr_expect_eq(parse(targets[i], "Ack: written\r\n"), ERR_INVALID_PARAMETER);
        cr_expect_eq(parse(targets[i], "Producer-Id: 1\r\nProducer-Seq: 1\r\n"),
                     ERR_INVALID_PARAMETER);
    }
}

struct refusal {
    const char *query;
    const char *fields;
    enum rc_error error;
    const char *detail; // part of it
};

static const struct refusal refusals[] = {
    {"akc=written", "", ERR_INVALID_PARAMETER, "did you mean \"ack\"?"},
    {"producer_id=1", "", ERR_INVALID_PARAMETER, "no parameter \"producer_id\""},
    {"TYPE=a", "", ERR_INVALID_PARAMETER, "no parameter \"TYPE\""},
    {"=a", "", ERR_INVALID_PARAMETER, "no parameter \"\""},
    {"%00=a", "", ERR_INVALID_PARAMETER, "no parameter"},
    {"%0d%0aSet-Cookie:a=b", "", ERR_INVALID_PARAMETER, "no parameter"},
    {"%ff%fe=a", "", ERR_INVALID_PARAMETER, "no parameter"},
    {"type=a&type=a", "", ERR_INVALID_PARAMETER, "type is given twice"},
    {"type=a&typ%65=a", "", ERR_INVALID_PARAMETER, "type is given twice"},
    {"type=%", "", ERR_INVALID_REQUEST, "hexadecimal"},
    {"ty%pe=a", "", ERR_INVALID_REQUEST, "hexadecimal"},
    {"type=%00", "", ERR_INVALID_PARAMETER, "type is at most 255"},
    {"type=a%0ab", "", ERR_INVALID_PARAMETER, "type is at most 255"},
    {"type=a%0d%0adata:x", "", ERR_INVALID_PARAMETER, "type is at most 255"},
    {"type=%c0%af", "", ERR_INVALID_PARAMETER, "type is at most 255"},
    {"type=%e2%80", "", ERR_INVALID_PARAMETER, "type is at most 255"},
    {"source=a%0a", "", ERR_INVALID_PARAMETER, "source is at most 255"},
    {"correlation_id=%7f", "", ERR_INVALID_PARAMETER, "correlation_id is at most"},
    {"tag=%c2%9b", "", ERR_INVALID_PARAMETER, "tag is at most 255"},
    {"topic=", "", ERR_INVALID_NAME, "topic"},
    {"priority=urgent", "", ERR_INVALID_PARAMETER, "priority is"},
    {"priority=5", "", ERR_INVALID_PARAMETER, "priority is"},
    {"priority=-1", "", ERR_INVALID_PARAMETER, "priority is"},
    {"priority", "", ERR_INVALID_PARAMETER, "priority is"},
    {"retry=1s", "", ERR_INVALID_PARAMETER, "retry is milliseconds"},
    {"retry=4294967296", "", ERR_INVALID_PARAMETER, "retry is milliseconds"},
    {"ttl_ms=-5", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ttl_ms=%2B5", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ttl_ms=+5", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ttl_ms=0x5", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ttl_ms=1e3", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ttl_ms=99999999999999999999999999", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ttl_ms=", "", ERR_INVALID_PARAMETER, "ttl_ms is milliseconds"},
    {"ephemeral", "", ERR_INVALID_PARAMETER, "ephemeral is 0 or 1"},
    {"reach=yes", "", ERR_INVALID_PARAMETER, "reach is 0 or 1"},
    {"ack=fsync", "", ERR_INVALID_PARAMETER, "ack is received"},
    {"ack=Written", "", ERR_INVALID_PARAMETER, "ack is received"},
    {"body=xml", "", ERR_INVALID_PARAMETER, "body is raw"},
    {"action=delete", "", ERR_INVALID_PARAMETER, "action is close or cancel"},
    {"type=a", "Event-Type: b\r\n", ERR_INVALID_PARAMETER, "Event-Type say different"},
    {"type=", "Event-Type: b\r\n", ERR_INVALID_PARAMETER, "Event-Type say different"},
    {"ack=written", "Ack: synced\r\n", ERR_INVALID_PARAMETER, "Ack say different"},
    {"", "Ack: later\r\n", ERR_INVALID_PARAMETER, "Ack is received"},
    {"", "Ack:\r\n", ERR_INVALID_PARAMETER, "Ack is received"},
    {"", "Event-Type: \xff\r\n", ERR_INVALID_PARAMETER, "Event-Type is UTF-8"},
    {"", "Event-Type: a\tb\r\n", ERR_INVALID_PARAMETER, "Event-Type is UTF-8"},
    {"", "Content-Type: a\xffz\r\n", ERR_INVALID_PARAMETER, "Content-Type is UTF-8"},
    {"", "Producer-Id: 1\r\n", ERR_MISSING_PARAMETER, "Producer-Seq is missing"},
    {"", "Producer-Seq: 1\r\n", ERR_MISSING_PARAMETER, "Producer-Id is missing"},
    {"", "Producer-Epoch: 1\r\n", ERR_MISSING_PARAMETER, "Producer-Id is missing"},
    {"", "Producer-Id: 0\r\nProducer-Seq: 1\r\n", ERR_INVALID_PARAMETER, "Producer-Id"},
    {"", "Producer-Id:\r\nProducer-Seq: 1\r\n", ERR_INVALID_PARAMETER, "Producer-Id"},
    {"", "Producer-Id: 1\r\nProducer-Seq: 0\r\n", ERR_INVALID_PARAMETER, "Producer-Seq"},
    {"", "Producer-Id: 1\r\nProducer-Seq: +1\r\n", ERR_INVALID_PARAMETER, "Producer-Seq"},
    {"", "Producer-Id: 1\r\nProducer-Seq: 1 2\r\n", ERR_INVALID_PARAMETER, "Producer-Seq"},
    {"", "Producer-Id: 1\r\nProducer-Seq: 18446744073709551616\r\n", ERR_INVALID_PARAMETER,
     "Producer-Seq"},
    {"", "Producer-Id: 1\r\nProducer-Seq: 1\r\nProducer-Epoch: 4294967296\r\n",
     ERR_INVALID_PARAMETER, "Producer-Epoch"},
    {"", "Producer-Id: 1\r\nProducer-Seq: 1\r\nProducer-Epoch:\r\n", ERR_INVALID_PARAMETER,
     "Producer-Epoch"},
    {"", "Content-Encoding: gzip\r\n", ERR_INVALID_REQUEST, "Content-Encoding"},
    {"", "Content-Encoding: identity, gzip\r\n", ERR_INVALID_REQUEST, "Content-Encoding"},
};

Test(publish, refusals)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *refusal = &refusals[i];
        char target[256];
        snprintf(target, sizeof(target), "/streams/a?%s", refusal->query);
        cr_expect_eq(parse(target, refusal->fields), refusal->error, "%s %s: %s", refusal->query,
                     refusal->fields, fault.detail);
        cr_expect_eq(fault.error, refusal->error, "%s %s", refusal->query, refusal->fields);
        cr_expect_not_null(strstr(fault.detail, refusal->detail), "%s %s: %s", refusal->query,
                           refusal->fields, fault.detail);
        cr_expect_null(strpbrk(fault.detail, "\r\n"));
        cr_expect_eq(fault.has_position, refusal->query[0] != '\0' && refusal->fields[0] == '\0');
    }
}

Test(publish, a_coded_body_is_415)
{
    cr_expect_eq(parse("/streams/a", "Content-Encoding: br\r\n"), ERR_INVALID_REQUEST);
    cr_expect_eq(http_fault_status(&fault), 415);
    accept("/streams/a", "Content-Encoding: Identity\r\n");
}

Test(publish, a_multipart_form_is_415)
{
    static const char field[] = "Content-Type: Multipart/Form-Data; boundary=x\r\n";
    cr_expect_eq(parse("/streams/a", field), ERR_INVALID_REQUEST);
    cr_expect_eq(http_fault_status(&fault), 415);
    cr_expect_not_null(strstr(fault.detail, "application/x-www-form-urlencoded"));
    accept("/streams/a?body=raw", field);
}

Test(publish, where_a_fault_is)
{
    cr_expect_eq(parse("/streams/%61?tag=%61&ack=no", ""), ERR_INVALID_PARAMETER);
    cr_expect_eq(fault.position, strlen("/streams/%61?tag=%61&ack="));
    cr_expect_eq(parse("/streams/%61?tag=%61&b%61d=1", ""), ERR_INVALID_PARAMETER);
    cr_expect_eq(fault.position, strlen("/streams/%61?tag=%61&"));
}

Test(publish, bounded_lists)
{
    char target[8192] = "/streams/a?source=s";
    for (int i = 0; i < TAGS_MAX; i++) {
        strcat(target, "&tag=t&topic=u");
    }
    accept(target, "Content-Type: text/plain\r\n");
    strcat(target, "&tag=t");
    cr_expect_eq(parse(target, ""), ERR_INVALID_PARAMETER);
    cr_expect_not_null(strstr(fault.detail, "more than 16 times"));
}

Test(publish, texts_up_to_their_bound)
{
    for (int over = 0; over < 2; over++) {
        char target[512] = "/streams/a?type=";
        memset(target + strlen(target), 't', (size_t)(TYPE_BYTES_MAX + over));
        cr_expect_eq(parse(target, ""), over == 0 ? ERR_NONE : ERR_INVALID_PARAMETER);
    }
}

static uint64_t producer_of(const char *id)
{
    char fields[256];
    snprintf(fields, sizeof(fields), "Producer-Id: %s\r\nProducer-Seq: 1\r\n", id);
    accept("/streams/a", fields);
    cr_expect_eq(parameters.event.producer_epoch, 0);
    return parameters.event.producer_id;
}

// They are in logs: none of these may ever change.
Test(publish, producers)
{
    cr_expect_eq(producer_of("1"), 1);
    cr_expect_eq(producer_of("0017"), 17);
    cr_expect_eq(producer_of("18446744073709551615"), UINT64_MAX);
    cr_expect_eq(producer_of("a"), UINT64_C(0xaf63dc4c8601ec8c));
    cr_expect_eq(producer_of("foobar"), UINT64_C(0x85944171f73967e8));
    cr_expect_eq(producer_of("18446744073709551616") >> 63, 1);
    cr_expect_neq(producer_of("a b"), producer_of("a  b"));
    cr_expect_neq(producer_of("-1"), producer_of("1"));
}
