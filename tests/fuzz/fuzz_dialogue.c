/* Whatever a relay answers, in whatever pieces: a mail counts as taken only after the replies that say so. */
#include <stdint.h>
#include <stdlib.h>

#include "collector/channel/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

static enum dialogue_state after(enum dialogue_state state)
{
    return state == DIALOGUE_END ? DIALOGUE_TAKEN : state + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialogue dialogue = { .from = "a@b", .to = "c@d", .letter = ".x\r\n" };
    if (size == 0)
        return 0;
    size_t piece = 1 + data[0] % 32;
    if (data[0] >= 224)
        dialogue.state = DIALOGUE_NOOP;
    enum dialogue_state before = dialogue.state;
    for (size_t at = 1; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        struct err err;
        int rc = dialogue_hear(&dialogue, (const char *)data + at, len, &err);
        check(rc <= 1 && dialogue.len <= sizeof dialogue.line);
        check(dialogue.state == before || dialogue.state == after(before) || dialogue.state == DIALOGUE_REFUSED);
        check(dialogue.state <= before || dialogue.state == DIALOGUE_REFUSED ||
              dialogue.code == (before == DIALOGUE_DATA ? 354
                                : dialogue.code == 251  ? 251
                                                        : 250));
        before = dialogue.state;
        char *words = dialogue_say(&dialogue);
        check(words != NULL);
        free(words);
        if (rc < 0)
            break;
    }
    return 0;
}
