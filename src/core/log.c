/* log.c - the log filter and the lines it lets through. Core room. Test: log_test.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/context_internal.h"
#include "core/error.h"
#include "core/utf8.h"

#define LOG_LINE_SIZE 1024

static const struct {
    const char *name;
    int level;
} log_levels[] = {
    {"off", SYI_LOG_OFF},  {"error", SY_LOG_ERROR}, {"warning", SY_LOG_WARNING},
    {"info", SY_LOG_INFO}, {"debug", SY_LOG_DEBUG},
};

static bool parse_level(const char *text, size_t length, int *level)
{
    for (size_t i = 0; i < sizeof log_levels / sizeof log_levels[0]; i++) {
        if (strlen(log_levels[i].name) == length && memcmp(log_levels[i].name, text, length) == 0) {
            *level = log_levels[i].level;
            return true;
        }
    }
    return false;
}

static syi_log_rule *find_rule(syi_log_filter *filter, const char *name, size_t length)
{
    for (size_t i = 0; i < filter->rule_count; i++) {
        syi_log_rule *rule = &filter->rules[i];
        if (strlen(rule->component) == length && memcmp(rule->component, name, length) == 0) {
            return rule;
        }
    }
    return NULL;
}

/* "level" or "component=level"; of two for one component the later wins. */
static sy_status parse_part(syi_log_filter *filter, const char *part, size_t length, sy_error *err)
{
    const char *equals = memchr(part, '=', length);
    const size_t name_length = equals == NULL ? 0 : (size_t)(equals - part);
    const char *level_text = equals == NULL ? part : equals + 1;
    int level;
    if (!parse_level(level_text, length - (size_t)(level_text - part), &level)) {
        return syi_fail(err, SY_EINVAL,
                        "log filter: \"%.*s\" is not off, error, warning, info or debug, alone or "
                        "after \"component=\"",
                        (int)(length < 80 ? length : 80), part);
    }
    if (equals == NULL) {
        filter->level = level;
        return SY_OK;
    }
    if (name_length == 0 || name_length >= SYI_LOG_COMPONENT_SIZE) {
        return syi_fail(err, SY_EINVAL, "log filter: a component has 1 to %d bytes, not %zu",
                        SYI_LOG_COMPONENT_SIZE - 1, name_length);
    }
    syi_log_rule *rule = find_rule(filter, part, name_length);
    if (rule == NULL) {
        if (filter->rule_count == SYI_LOG_RULES) {
            return syi_fail(err, SY_EINVAL, "log filter: more than %d components", SYI_LOG_RULES);
        }
        rule = &filter->rules[filter->rule_count++];
        memcpy(rule->component, part, name_length);
    }
    rule->level = level;
    return SY_OK;
}

sy_status syi_log_filter_parse(syi_log_filter *filter, const char *text, sy_error *err)
{
    memset(filter, 0, sizeof *filter);
    filter->level = SY_LOG_WARNING;
    if (text == NULL || text[0] == '\0') {
        return SY_OK;
    }
    for (const char *part = text;; part++) {
        const size_t length = strcspn(part, ",");
        SY_TRY(parse_part(filter, part, length, err));
        part += length;
        if (*part == '\0') {
            return SY_OK;
        }
    }
}

bool syi_log_enabled(const sy_context *context, sy_log_level level, const char *component)
{
    if (context->log == NULL) {
        return false;
    }
    const syi_log_filter *filter = &context->log_filter;
    for (size_t i = 0; i < filter->rule_count; i++) {
        if (strcmp(filter->rules[i].component, component) == 0) {
            return (int)level <= filter->rules[i].level;
        }
    }
    return (int)level <= filter->level;
}

void syi_log(sy_context *context, sy_log_level level, const char *component, const char *worker,
             uint64_t message_id, const char *format, ...)
{
    if (!syi_log_enabled(context, level, component)) {
        return;
    }
    char text[LOG_LINE_SIZE + 1];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    va_end(arguments);
    char line[LOG_LINE_SIZE];
    char name[SY_ERROR_NAME_SIZE];
    syi_utf8_store(line, sizeof line, text); /* a peer's text may not start a line of its own */
    syi_utf8_store(name, sizeof name, worker);
    context->log(context->log_user, level, component, name, message_id, line);
}
