#include "flow/pressure.h"

#include "base/assert.h"

struct marks {
    uint32_t enter_permille;
    uint32_t leave_permille;
};

static const struct marks marks[] = {
    [PRESSURE_NONE] = {0, 0},
    [PRESSURE_NO_REPLAYS] = {750, 650},
    [PRESSURE_SHED] = {850, 750},
    [PRESSURE_REFUSE] = {920, 820},
};

uint32_t pressure_permille(struct pressure_gauge gauge)
{
    if (gauge.limit_bytes == 0) {
        return 0;
    }
    double permille = (double)gauge.used_bytes * 1000 / (double)gauge.limit_bytes;
    return permille < UINT32_MAX ? (uint32_t)permille : UINT32_MAX;
}

// How long the steps back take from now on, where a stage is entered.
static uint32_t next_hold_ms(const struct pressure *pressure, uint64_t now_ms)
{
    bool is_relapse =
        pressure->lowered_ms != 0 && now_ms - pressure->lowered_ms < PRESSURE_RELAPSE_MS;
    if (!is_relapse) {
        return pressure->stage == PRESSURE_NONE ? PRESSURE_HOLD_MS : pressure->hold_ms;
    }
    uint32_t twice_ms = 2 * pressure->hold_ms;
    return twice_ms < PRESSURE_HOLD_MS_MAX ? twice_ms : PRESSURE_HOLD_MS_MAX;
}

bool pressure_look(struct pressure *pressure, uint32_t full_permille, uint64_t now_ms)
{
    enum pressure_stage stage = pressure->stage;
    ASSERT(stage <= PRESSURE_LAST);
    bool is_calm = stage > PRESSURE_NONE && full_permille < marks[stage].leave_permille;
    if (is_calm && !pressure->is_calm) {
        pressure->calm_since_ms = now_ms;
    }
    pressure->is_calm = is_calm;
    bool may_rise = stage == PRESSURE_NONE || now_ms - pressure->raised_ms >= PRESSURE_STEP_MS;
    if (stage < PRESSURE_LAST && full_permille >= marks[stage + 1].enter_permille && may_rise) {
        pressure->hold_ms = next_hold_ms(pressure, now_ms);
        pressure->lowered_ms = 0;
        pressure->raised_ms = now_ms;
        pressure->stage = stage + 1;
    } else if (is_calm && now_ms - pressure->calm_since_ms >= pressure->hold_ms) {
        pressure->stage = stage - 1;
        pressure->lowered_ms = now_ms;
        pressure->is_calm = false;
    }
    return pressure->stage != stage;
}

const char *pressure_stage_name(enum pressure_stage stage)
{
    static const char *const names[] = {"none", "no_replays", "shed", "refuse"};
    ASSERT((size_t)stage < sizeof(names) / sizeof(names[0]));
    return names[stage];
}
