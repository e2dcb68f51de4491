/* The public test vectors for Noise_IK_25519_ChaChaPoly_BLAKE2b, to the last byte, in both roles. Sources: the first
 * conversation is the cacophony library's (cacophony.txt), the second the snow library's (snow.txt). */
#include "proto/link/channel.h"
#include "proto/link/random_fixture.h"

enum { MESSAGES_MAX = 6, BYTES_MAX = 256 };

struct conversation {
    const char *prologue;
    const char *agent, *agent_ephemeral; /* secrets */
    const char *collector, *collector_ephemeral;
    const char *collector_public;
    const char *hash; /* NULL: not told */
    struct {
        const char *payload, *box;
    } messages[MESSAGES_MAX]; /* two of the handshake, then transport, the agent's and the collector's by turns */
};

static const struct conversation conversations[] = {
    {
        .prologue = "John Galt",
        .agent = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
        .agent_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
        .collector = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
        .collector_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
        .collector_public = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
        .hash = "1c8fa891cb414fedba6daa7c6f4ae0a6d98e5f9768cc9cecd27e805614943ee9c8a1b27fbfb76dc197255c8aa69f6b42"
                "85c423840b8bedf45e652ca64f797d81",
        .messages = {
            { "4c756477696720766f6e204d69736573",
              "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ba83a447b38c83e327ad936929812f62"
              "4884847b7831e95e197b2f797088efdd2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd9298ce0b56fe20f86e"
              "13bf70439c538e3602a7127af71a29cc" },
            { "4d757272617920526f746862617264",
              "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439f069b267a06b3de3ecb1043bcb098e9"
              "af91d9c64748d998c7b47890871571" },
            { "462e20412e20486179656b",
              "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07" },
            { "4361726c204d656e676572",
              "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2" },
            { "4a65616e2d426170746973746520536179",
              "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7" },
            { "457567656e2042f6686d20766f6e2042617765726b",
              "8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3" },
        },
    },
    {
        .prologue = "There is no right and wrong. There's only fun and boring.",
        .agent = "7d96e7fbefd508f6d553010ef8b53b9800f30bdd1bc82d141c543cc4afe31bde",
        .agent_ephemeral = "3fa848b150e958dad41a3e1e455c65c46b773d806a55f4abdcae3f5e3f80d816",
        .collector = "f192f565f752e8e706d20bd2a71b22d94b804bfeb499ac84391f1af846d1824d",
        .collector_ephemeral = "3092d9e2e44264afea07fd9b43562177e9ae63d65cbdc471d3539247e2ba1a36",
        .collector_public = "c2330a71efe7ad7655ad63ec6ac84e0be70c79b3a9808364741e99abe231b240",
        .messages = {
            { "eab1b0a96295a7f0b29f013bf2baa6d74ab79b2b2f69b79764eb97684ca17e5d",
              "4b42c759ee133dc6a49aa1b19fc1727ca3d3876d6ed5479b60fe2963fede0f4ff9f68f1540f591b16150d98b3f65371d"
              "a84c2dcfbf18f02295edcd20fdcf315c83529bc394387fc22bfc8583e23514c28884729838efe481016f828fefca4f53"
              "c4e61c7ed5a7b297044e11b90a28d2e264ac2335e254c7b636d1d0406aea1e3e" },
            { "1a1d45c87a116c31f9704d9c599f833e65dbe1fc511a50fc85e07b440806430b",
              "058e04eada2f87f02ffb22ec049d3d629008eb672976078b61222af7822e9c19b04dc83d279b6d418149e3ba99ff887c"
              "64a2f9da7a1ad2c83bbea46759a503933f9cfc8c06dbc2b9170a0fb6a5a28740" },
            { "752ce6ebed958e84d2e8ffa89ca929e500bc987d3ba01196f850fe73d7320822",
              "e4a719610c329661dcc3084484c92025c7fadff6910c6d9e8dcdae29d76cd2d33c74218a3588732db968a282ba4689ec" },
            { "f7496b1a99db7ba96ce16c642662e966b8323aca4e7c8e2ed51d3e764c05a363",
              "8cdb272f66c39e16182c1b68a45052f97264ca6a337e338dbdd1121005fb268b637d94ecc94ded7352c1e22bf7d2a32d" },
        },
    },
};

/* ---- a conversation ---- */

struct bytes {
    uint8_t at[BYTES_MAX];
    size_t len;
};

static struct bytes bytes_of(const char *hex)
{
    struct bytes bytes;
    const char *end;
    assert_int_equal(sodium_hex2bin(bytes.at, sizeof bytes.at, hex, strlen(hex), NULL, &bytes.len, &end), 0);
    assert_int_equal(*end, '\0');
    return bytes;
}

static struct key_pair pair_of(const char *hex)
{
    struct key_pair pair;
    assert_int_equal(key_pair_of(&pair, bytes_of(hex).at, NULL), 0);
    return pair;
}

static void assert_bytes(const uint8_t *bytes, size_t len, const struct bytes *want)
{
    assert_int_equal(len, want->len);
    assert_memory_equal(bytes, want->at, len);
}

static void pass_handshake(struct handshake *from, struct handshake *to, const char *ephemeral, const char *payload_hex,
                           const char *box_hex)
{
    struct bytes payload = bytes_of(payload_hex);
    struct bytes box = bytes_of(box_hex);
    uint8_t bytes[BYTES_MAX];
    size_t len;
    memcpy(next_random, bytes_of(ephemeral).at, sizeof next_random);
    assert_int_equal(handshake_write(from, payload.at, payload.len, bytes, sizeof bytes, &len, NULL), 0);
    assert_bytes(bytes, len, &box);
    assert_int_equal(handshake_read(to, box.at, box.len, bytes, sizeof bytes, &len, NULL), 0);
    assert_bytes(bytes, len, &payload);
}

static void pass_transport(struct channel *from, struct channel *to, uint64_t want, const char *payload_hex,
                           const char *box_hex)
{
    struct bytes payload = bytes_of(payload_hex);
    struct bytes box = bytes_of(box_hex);
    uint8_t bytes[BYTES_MAX];
    size_t len;
    uint64_t counter;
    assert_int_equal(channel_seal(from, payload.at, payload.len, bytes, sizeof bytes, &len, &counter, NULL), 0);
    assert_int_equal(counter, want);
    assert_bytes(bytes, len, &box);
    assert_int_equal(channel_open(to, counter, box.at, box.len, bytes, sizeof bytes, &len, NULL), 0);
    assert_bytes(bytes, len, &payload);
}

static void assert_hash(const struct handshake *handshake, const char *hex)
{
    struct bytes want = bytes_of(hex);
    assert_bytes(handshake->noise.hash, sizeof handshake->noise.hash, &want);
}

static void hold(const struct conversation *conversation)
{
    struct key_pair agent = pair_of(conversation->agent);
    struct key_pair collector = pair_of(conversation->collector);
    struct bytes pinned = bytes_of(conversation->collector_public);
    struct handshake asks;
    struct handshake answers;
    struct channel ends[2];
    assert_bytes(collector.public_key.bytes, KEY_BYTES, &pinned);
    handshake_initiate(&asks, conversation->prologue, &agent, &collector.public_key);
    handshake_respond(&answers, conversation->prologue, &collector);
    pass_handshake(&asks, &answers, conversation->agent_ephemeral, conversation->messages[0].payload,
                   conversation->messages[0].box);
    assert_memory_equal(handshake_peer(&answers), &agent.public_key, sizeof agent.public_key);
    pass_handshake(&answers, &asks, conversation->collector_ephemeral, conversation->messages[1].payload,
                   conversation->messages[1].box);
    if (conversation->hash) {
        assert_hash(&asks, conversation->hash);
        assert_hash(&answers, conversation->hash);
    }
    handshake_finish(&asks, &ends[0]);
    handshake_finish(&answers, &ends[1]);
    for (size_t i = 2; i < MESSAGES_MAX && conversation->messages[i].box; i++)
        pass_transport(&ends[i % 2], &ends[1 - i % 2], i / 2 - 1, conversation->messages[i].payload,
                       conversation->messages[i].box);
}

static void the_conversation_of_cacophony_is_held_to_the_last_byte(void **state)
{
    (void)state;
    hold(&conversations[0]);
}

static void the_conversation_of_snow_is_held_to_the_last_byte(void **state)
{
    (void)state;
    hold(&conversations[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_conversation_of_cacophony_is_held_to_the_last_byte),
        cmocka_unit_test(the_conversation_of_snow_is_held_to_the_last_byte),
    };
    return cmocka_run_group_tests(tests, script_random, NULL);
}
