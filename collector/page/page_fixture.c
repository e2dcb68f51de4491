#include "collector/page/page_fixture.h"

void at(struct fixture *f, int64_t s)
{
    f->now_us = T0 + s * S;
}

void store(struct fixture *f)
{
    for (size_t i = 0; i < f->out.n_pages; i++)
        assert_int_equal(pager_recorded(f->pager, f->out.pages[i].id, true), 0);
}

struct page_contact machine(const char *name, uint64_t tenant)
{
    struct page_contact contact = { .tenant = tenant, .everything = true, .n_ways = 1 };
    snprintf(contact.name, sizeof contact.name, "%s", name);
    snprintf(contact.ways[0].channel, sizeof contact.ways[0].channel, "%s", name);
    return contact;
}

void set_contacts(struct fixture *f, size_t n, const char *const *names)
{
    struct page_contact contacts[4];
    assert_true(n <= 4);
    for (size_t i = 0; i < n; i++)
        contacts[i] = machine(names[i], 0);
    const struct page_ways ways = { .n_contacts = n, .contacts = contacts };
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    store(f);
}

static const char *on_duty(void *user, const char *rota, int64_t at_us)
{
    const struct fixture *f = user;
    assert_int_equal(at_us, f->now_us);
    return strcmp(rota, "desk") == 0 ? f->duty : NULL;
}

static bool policy_of(void *user, uint64_t tenant, uint64_t event, struct page_policy *ret)
{
    const struct fixture *f = user;
    (void)tenant;
    (void)event;
    if (f->policy)
        assert_int_equal(page_policy_parse(f->policy, strlen(f->policy), ret, NULL), 0);
    return f->policy != NULL;
}

static bool in_window(void *user, uint64_t event, int64_t at_us)
{
    const struct fixture *f = user;
    assert_int_equal(at_us, f->now_us);
    return event != 0 && !f->is_over;
}

static struct page_contact person(const char *name)
{
    struct page_contact contact = { .n_ways = 1, .ways = { { .channel = "mail" } } };
    snprintf(contact.name, sizeof contact.name, "%s", name);
    snprintf(contact.ways[0].address, sizeof contact.ways[0].address, "%s@example.com", name);
    return contact;
}

/* Without who is gone, another way for who has moved. Returns how many are left. */
static size_t change_contacts(const struct fixture *f, size_t n, struct page_contact *contacts)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        struct page_contact contact = contacts[i];
        if (f->moved && strcmp(contact.name, f->moved) == 0)
            snprintf(contact.ways[0].address, sizeof contact.ways[0].address, "%s@example.org", contact.name);
        bool all_gone = f->gone && f->gone[0] == '*' && !contact.everything;
        if (!all_gone && (!f->gone || strcmp(contact.name, f->gone) != 0))
            contacts[left++] = contact;
    }
    return left;
}

void set_people(struct fixture *f, const char *policy)
{
    const bool with_machine = f->n_channels == 0;
    struct page_contact contacts[5] = { person("alice"), person("bob"), person("lead"), person("manager"),
                                        machine("hook", 0) };
    if (!with_machine) {
        contacts[0].n_ways = 2;
        contacts[0].ways[1] = (struct page_way){ .channel = "robot", .address = "alice" };
    }
    f->policy = policy;
    f->duty = f->duty ? f->duty : "alice";
    const struct page_ways ways = { .n_contacts = change_contacts(f, with_machine ? 5 : 4, contacts),
                                    .contacts = contacts,
                                    .n_channels = f->n_channels,
                                    .channels = f->channels,
                                    .on_duty = on_duty,
                                    .policy_of = policy_of,
                                    .in_window = in_window,
                                    .user = f };
    page_effects_clear(&f->out);
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    store(f);
}

const char *paged(const struct fixture *f)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < f->out.n_pages; i++) {
        const struct page *page = &f->out.pages[i];
        if (page->kind == PAGE_TRIGGER && page->state == PAGE_QUEUED && page->attempts == 0)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s/%s", len ? " " : "", page->contact,
                                    page->channel);
        assert_true(len < sizeof text);
    }
    return text;
}

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    at(f, 0);
    int rc = pager_new(&f->pager, NULL);
    if (rc == 0)
        set_contacts(f, 1, (const char *[]){ "ops" });
    return rc;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    f->pager = pager_free(f->pager);
    page_effects_done(&f->out);
    free(f);
    return 0;
}

uint64_t own(struct fixture *f, const char *title, int64_t crossed_us)
{
    struct page_own own = { .group = "disk", .title = title, .severity = SEVERITY_WARNING, .crossed_us = crossed_us };
    uint64_t incident = 0;
    assert_int_equal(pager_own(f->pager, &own, f->now_us, &incident, &f->out), 0);
    return incident;
}

struct transition cpu_fires(const struct fixture *f, uint64_t host)
{
    return (struct transition){ .from = ALERT_OK,
                                .detected_us = f->now_us,
                                .alert = { .host = host,
                                           .rule = "cpu",
                                           .metric = CPU,
                                           .state = ALERT_FIRING,
                                           .crossed_us = f->now_us,
                                           .severity = SEVERITY_CRITICAL,
                                           .page = true } };
}

int change_rc(struct fixture *f, struct change c)
{
    char host_name[32];
    unsigned host = c.host ? (unsigned)c.host : 1;
    struct transition t = { .from = c.from, .detected_us = f->now_us, .late = c.late, .unmuted = c.unmuted };
    t.alert = (struct alert){ .host = host,
                              .metric = CPU,
                              .state = c.to,
                              .crossed_us = c.crossed_s ? T0 + c.crossed_s * S : f->now_us,
                              .changed_us = f->now_us,
                              .value = 0.95,
                              .threshold = 0.9,
                              .severity = c.severity ? c.severity : SEVERITY_CRITICAL,
                              .page = !c.no_page,
                              .muted = c.muted };
    if (c.to == ALERT_OK)
        t.alert.crossed_us = 0;
    snprintf(t.alert.rule, sizeof t.alert.rule, "%s", c.rule ? c.rule : "cpu");
    snprintf(t.alert.instance, sizeof t.alert.instance, "%s", c.instance ? c.instance : "");
    snprintf(host_name, sizeof host_name, "web-%u", host);
    const struct page_scope scope = { .tenant = SHOP,
                                      .event = c.event,
                                      .host_name = host_name,
                                      .host_group = "web",
                                      .summary = "CPU utilisation above {threshold}",
                                      .opens = c.opens };
    page_effects_clear(&f->out);
    int rc = pager_alert(f->pager, &t, &scope, f->now_us, &f->out);
    store(f);
    return rc;
}

const struct incident *incident(const struct fixture *f, uint64_t id)
{
    const struct incident *row = pager_incident(f->pager, id);
    assert_non_null(row);
    return row;
}

const struct page *take(struct fixture *f)
{
    struct page_due due;
    assert_true(pager_take_due(f->pager, f->now_us, &due));
    assert_int_equal(due.n, 1);
    assert_string_equal(due.key, due.at[0]->key);
    return due.at[0];
}

void assert_key(const char *key, const char *start, const char *contact)
{
    assert_memory_equal(key, start, strlen(start));
    const char *at = strstr(key + strlen(start), contact);
    assert_non_null(at);
    assert_int_equal(at[strlen(contact)], '-');
}

void assert_nothing_due(struct fixture *f)
{
    struct page_due due;
    assert_false(pager_take_due(f->pager, f->now_us, &due));
}

void outcome(struct fixture *f, uint64_t page, struct page_outcome o)
{
    page_effects_clear(&f->out);
    pager_outcome(f->pager, page, &o, f->now_us, &f->out);
    store(f);
}

uint64_t deliver(struct fixture *f)
{
    uint64_t id = take(f)->id;
    outcome(f, id, (struct page_outcome){ .delivered = true, .status = 200 });
    return id;
}

int64_t fail_once(struct fixture *f, struct page_outcome o)
{
    uint64_t id = take(f)->id;
    outcome(f, id, o);
    assert_true(f->out.n_pages > 0 && f->out.pages[0].id == id);
    return f->out.pages[0].state == PAGE_QUEUED ? (f->out.pages[0].next_us - f->now_us) / S : -1;
}

void acknowledge(struct fixture *f, uint64_t id)
{
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, id, "li", f->now_us, &f->out, NULL), 0);
}

void tick(struct fixture *f)
{
    page_effects_clear(&f->out);
    pager_tick(f->pager, f->now_us, &f->out);
    store(f);
}

void add_id(void *user, const struct incident *row)
{
    *(uint64_t *)user += row->id;
}
