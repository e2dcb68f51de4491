#include "collector/channel/message.h"

#include <assert.h>

const char *const language_names[] = { [LANGUAGE_EN] = "en", [LANGUAGE_ZH] = "zh", [LANGUAGE_COUNT] = NULL };

const char *message_kind_name(enum message_kind kind)
{
    static const char *const names[MESSAGE_KIND_COUNT] = {
        [MESSAGE_TRIGGER] = "trigger",
        [MESSAGE_RESOLVE] = "resolve",
        [MESSAGE_TEST] = "test",
        [MESSAGE_CHATTER] = "chatter",
    };
    assert(kind < MESSAGE_KIND_COUNT);
    return names[kind];
}
