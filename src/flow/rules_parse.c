// The text of rules; its grammar stands in rules.h.
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/text.h"
#include "flow/rules.h"

enum {
    PRIORITY_DEFAULT = 100,
    PRIORITY_MAX = 1000 * 1000,
    WORD_SHOWN_MAX = 40,
    ACTION_QUALITY = SUBSCRIBE_SETTINGS, // beyond the settings
    ACTION_CACHING,
    ACTION_PRIORITY,
};

struct parser {
    struct slice text;
    size_t at;
    struct rules_fault *fault;
};

__attribute__((format(printf, 3, 4))) static bool fail(struct parser *parser, size_t position,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    parser->fault->position = position;
    (void)vsnprintf(parser->fault->message, sizeof(parser->fault->message), format, arguments);
    va_end(arguments);
    return false;
}

// --- words ---

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_sign(uint8_t byte)
{
    return byte == ':' || byte == ',' || byte == ';' || byte == '<' || byte == '>' || byte == '=' ||
           byte == '!';
}

static uint8_t next_byte(struct parser *parser)
{
    while (parser->at < parser->text.length && is_space(parser->text.at[parser->at])) {
        parser->at++;
    }
    return parser->at < parser->text.length ? parser->text.at[parser->at] : 0;
}

static bool take_sign(struct parser *parser, uint8_t sign)
{
    if (next_byte(parser) != sign) {
        return false;
    }
    parser->at++;
    return true;
}

// The next word, empty where a sign or the end comes; *position is where it stands.
static struct slice take_word(struct parser *parser, size_t *position)
{
    (void)next_byte(parser);
    *position = parser->at;
    while (parser->at < parser->text.length && !is_space(parser->text.at[parser->at]) &&
           !is_sign(parser->text.at[parser->at])) {
        parser->at++;
    }
    return slice_from(parser->text.at + *position, parser->at - *position);
}

// A word as it is shown in an error.
#define WORD_FORMAT "'%.*s'"
#define WORD_ARGUMENTS(word)                                                        \
    (int)((word).length < WORD_SHOWN_MAX ? (word).length : (size_t)WORD_SHOWN_MAX), \
        (const char *)(word).at

// --- values ---

// "12", "0.5": the number times 10^digits, which is whole.
static bool parse_decimal(struct slice text, unsigned digits, uint64_t *value)
{
    struct slice fraction = text;
    struct slice whole = slice_split(&fraction, '.');
    uint64_t number = 0;
    uint64_t part = 0;
    if (!text_parse_u64(whole, &number) || (fraction.at != NULL && fraction.length > digits) ||
        (fraction.at != NULL && !text_parse_u64(fraction, &part))) {
        return false;
    }
    size_t fraction_digits = fraction.at == NULL ? 0 : fraction.length;
    for (size_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number)) {
            return false;
        }
        part *= i < digits - fraction_digits ? 10 : 1;
    }
    return !__builtin_add_overflow(number, part, value);
}

static bool cut_end(struct slice *text, const char *end)
{
    size_t length = strlen(end);
    if (text->length < length ||
        !slice_equal_text(slice_after(*text, text->length - length), end)) {
        return false;
    }
    *text = slice_first(*text, text->length - length);
    return true;
}

static bool parse_microseconds(struct slice text, uint64_t *value)
{
    return text_parse_duration(text, value) &&
           !__builtin_mul_overflow(*value, UINT64_C(1000), value);
}

static bool parse_percent(struct slice text, uint64_t *value)
{
    return cut_end(&text, "%") && parse_decimal(text, 2, value) && *value <= LINK_ONE;
}

static bool parse_bits(struct slice text, uint64_t *value)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {
        {"kbit/s", 1000}, {"Mbit/s", 1000 * 1000}, {"Gbit/s", 1000 * 1000 * 1000}, {"bit/s", 1}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (cut_end(&text, units[i].unit)) {
            // In thousandths of a bit, then in bytes.
            bool is_number = parse_decimal(text, 3, value) &&
                             !__builtin_mul_overflow(*value, units[i].factor, value);
            *value /= 8 * 1000;
            return is_number;
        }
    }
    return false;
}

static bool parse_score(struct slice text, uint64_t *value)
{
    return parse_decimal(text, 4, value) && *value <= LINK_ONE;
}

static bool parse_rate(struct slice text, uint64_t *value)
{
    (void)cut_end(&text, "/s");
    return parse_decimal(text, 3, value) && *value < RULE_RATE_UNKNOWN;
}

static bool parse_client(struct slice text, uint64_t *value)
{
    enum subscribe_client client = SUBSCRIBE_CLIENT_NONE;
    bool is_known = slice_equal_text(text, subscribe_client_name(SUBSCRIBE_CLIENT_NONE)) ||
                    subscribe_client_parse(text, &client);
    *value = client;
    return is_known;
}

// --- conditions ---

static const struct metric {
    const char *name;
    bool (*parse)(struct slice text, uint64_t *value);
    const char *example;
} metrics[RULE_METRICS] = {
    [RULE_LATENCY] = {"latency", parse_microseconds, "200ms"},
    [RULE_JITTER] = {"jitter", parse_microseconds, "50ms"},
    [RULE_LOSS] = {"loss", parse_percent, "2.5%"},
    [RULE_THROUGHPUT] = {"throughput", parse_bits, "64kbit/s or 1.5Mbit/s"},
    [RULE_SCORE] = {"score", parse_score, "0.3"},
    [RULE_EVENT_RATE] = {"event_rate", parse_rate, "20/s"},
    [RULE_CLIENT] = {"client", parse_client, SUBSCRIBE_CLIENTS_ALLOWED ", or none"},
};

static bool take_metric(struct parser *parser, struct rule_condition *condition)
{
    size_t position = 0;
    struct slice word = take_word(parser, &position);
    for (unsigned i = 0; i < RULE_METRICS; i++) {
        if (slice_equal_text(word, metrics[i].name)) {
            condition->metric = (enum rule_metric)i;
            return true;
        }
    }
    return fail(parser, position,
                WORD_FORMAT " is no condition: latency, jitter, loss, throughput, score, "
                            "event_rate or client",
                WORD_ARGUMENTS(word));
}

static bool take_comparison(struct parser *parser, struct rule_condition *condition)
{
    uint8_t sign = next_byte(parser);
    size_t position = parser->at;
    bool is_name = condition->metric == RULE_CLIENT;
    if (is_name && take_sign(parser, '=')) {
        condition->comparison = RULE_IS;
        return true;
    }
    if (is_name && take_sign(parser, '!') && take_sign(parser, '=')) {
        condition->comparison = RULE_IS_NOT;
        return true;
    }
    if (!is_name && (take_sign(parser, '<') || take_sign(parser, '>'))) {
        bool is_equal = parser->at < parser->text.length && parser->text.at[parser->at] == '=';
        parser->at += is_equal;
        condition->comparison = sign == '<' ? (is_equal ? RULE_AT_MOST : RULE_BELOW)
                                            : (is_equal ? RULE_AT_LEAST : RULE_ABOVE);
        return true;
    }
    return fail(parser, position, "%s is compared by %s", metrics[condition->metric].name,
                is_name ? "= or !=" : "<, <=, > or >=");
}

static bool take_condition(struct parser *parser, struct rule *rule)
{
    struct rule_condition condition = {0};
    if (!take_metric(parser, &condition)) {
        return false;
    }
    if (!take_comparison(parser, &condition)) {
        return false;
    }
    size_t position = 0;
    uint64_t value = 0;
    struct slice word = take_word(parser, &position);
    const struct metric *metric = &metrics[condition.metric];
    if (!metric->parse(word, &value) || value > UINT32_MAX) {
        return fail(parser, position, WORD_FORMAT " is no %s; write it as %s", WORD_ARGUMENTS(word),
                    metric->name, metric->example);
    }
    if (rule->condition_count == RULE_CONDITIONS_MAX) {
        return fail(parser, position, "more than %d conditions", RULE_CONDITIONS_MAX);
    }
    condition.value = (uint32_t)value;
    rule->conditions[rule->condition_count++] = condition;
    return true;
}

static bool take_conditions(struct parser *parser, struct rule *rule)
{
    for (;;) {
        if (!take_condition(parser, rule)) {
            return false;
        }
        if (take_sign(parser, ':')) {
            return true;
        }
        size_t position = 0;
        struct slice word = take_word(parser, &position);
        if (!slice_equal_text(word, "and")) {
            return fail(parser, position, "here stands 'and', or ':' and what is to be done");
        }
    }
}

// --- actions ---

static bool find_action(struct slice name, unsigned *action)
{
    enum subscribe_setting setting = SUBSCRIBE_SETTINGS;
    if (subscribe_setting_find(name, &setting)) {
        *action = setting;
        return true;
    }
    *action = slice_equal_text(name, "quality")   ? ACTION_QUALITY
              : slice_equal_text(name, "caching") ? ACTION_CACHING
                                                  : ACTION_PRIORITY;
    return *action != ACTION_PRIORITY || slice_equal_text(name, "priority");
}

static bool parse_setting(enum subscribe_setting setting, struct slice word, uint32_t *value)
{
    if (setting == SUBSCRIBE_BATCH_SIZE && slice_equal_text(word, "larger")) {
        *value = RULE_BATCH_LARGER;
        return true;
    }
    if (setting == SUBSCRIBE_BATCH_SIZE && slice_equal_text(word, "smaller")) {
        *value = RULE_BATCH_SMALLER;
        return true;
    }
    return subscribe_setting_parse(setting, word, value);
}

// Takes the value of an action; false where it is none.
static bool take_value(struct rule *rule, unsigned action, struct slice word)
{
    uint64_t priority = 0;
    bool is_on = slice_equal_text(word, "on");
    switch (action) {
    case ACTION_QUALITY: return subscribe_client_parse(word, &rule->profile);
    case ACTION_CACHING:
        rule->caching = is_on ? RULE_CACHING_ON : RULE_CACHING_OFF;
        return is_on || slice_equal_text(word, "off");
    case ACTION_PRIORITY:
        if (!text_parse_u64_max(word, PRIORITY_MAX, &priority)) {
            return false;
        }
        rule->priority = (uint32_t)priority;
        return true;
    default:
        rule->sets |= UINT32_C(1) << action;
        return parse_setting((enum subscribe_setting)action, word, &rule->values[action]);
    }
}

static const char *allowed_values(unsigned action)
{
    switch (action) {
    case ACTION_QUALITY: return SUBSCRIBE_CLIENTS_ALLOWED;
    case ACTION_CACHING: return "on or off";
    case ACTION_PRIORITY: return "0 to 1000000";
    case SUBSCRIBE_BATCH_SIZE: return "1 to 1000, larger or smaller";
    default: return subscribe_setting_allowed((enum subscribe_setting)action);
    }
}

// `taken`: a bit for each action that the rule has already.
static bool take_action(struct parser *parser, struct rule *rule, uint32_t *taken)
{
    size_t position = 0;
    unsigned action = 0;
    struct slice name = take_word(parser, &position);
    if (!find_action(name, &action)) {
        return fail(parser, position,
                    WORD_FORMAT " is no action: a setting of requests (batch_size, compression, "
                                "…), quality, caching or priority",
                    WORD_ARGUMENTS(name));
    }
    if ((*taken >> action & 1) != 0) {
        return fail(parser, position, WORD_FORMAT " is said twice", WORD_ARGUMENTS(name));
    }
    *taken |= UINT32_C(1) << action;
    struct slice word = take_word(parser, &position);
    if (!take_value(rule, action, word)) {
        return fail(parser, position, WORD_FORMAT " is no value here; " SLICE_FORMAT " is %s",
                    WORD_ARGUMENTS(word), SLICE_ARGUMENTS(name), allowed_values(action));
    }
    return true;
}

// A batch has a size and a time only where there are batches.
static void turn_batching_on(struct rule *rule)
{
    bool sizes = (rule->sets >> SUBSCRIBE_BATCH_SIZE & 1) != 0 &&
                 rule->values[SUBSCRIBE_BATCH_SIZE] != RULE_BATCH_SMALLER;
    bool times = (rule->sets >> SUBSCRIBE_BATCH_TIMEOUT & 1) != 0;
    if ((sizes || times) && (rule->sets >> SUBSCRIBE_BATCHING & 1) == 0) {
        rule->sets |= UINT32_C(1) << SUBSCRIBE_BATCHING;
        rule->values[SUBSCRIBE_BATCHING] = 1;
    }
}

static bool take_rule(struct parser *parser, struct rule *rule)
{
    uint32_t taken = 0;
    (void)next_byte(parser);
    size_t begin = parser->at;
    *rule = (struct rule){.priority = PRIORITY_DEFAULT};
    if (!take_conditions(parser, rule)) {
        return false;
    }
    do {
        if (!take_action(parser, rule, &taken)) {
            return false;
        }
        rule->text = slice_from(parser->text.at + begin, parser->at - begin);
    } while (take_sign(parser, ','));
    if (taken == UINT32_C(1) << ACTION_PRIORITY) {
        return fail(parser, begin, "a rule without anything to do");
    }
    turn_batching_on(rule);
    return true;
}

// Behind all that win against it or are as strong.
static void insert(struct rules *rules, const struct rule *rule)
{
    uint32_t place = rules->count++;
    for (; place > 0 && rules->list[place - 1].priority > rule->priority; place--) {
        rules->list[place] = rules->list[place - 1];
    }
    rules->list[place] = *rule;
}

bool rules_add(struct rules *rules, struct slice text, struct rules_fault *fault)
{
    struct parser parser = {.text = text, .fault = fault};
    struct rules sum = *rules;
    do {
        struct rule rule;
        (void)next_byte(&parser);
        size_t begin = parser.at;
        if (!take_rule(&parser, &rule)) {
            return false;
        }
        if (sum.count == RULES_MAX) {
            return fail(&parser, begin, "more than %d rules", RULES_MAX);
        }
        insert(&sum, &rule);
        if (next_byte(&parser) != ';' && parser.at < text.length) {
            return fail(&parser, parser.at, "here stands ',' and a further action, or ';'");
        }
    } while (take_sign(&parser, ';') && next_byte(&parser) != 0);
    if (parser.at < text.length) {
        return fail(&parser, parser.at, "not text");
    }
    *rules = sum;
    return true;
}
