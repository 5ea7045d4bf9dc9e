#include "pg/append.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/facts.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {

struct Appender::Item {
    app::Append what;
    Deadline deadline;
    std::array<std::byte, 10> chance;
    rt::Awaited<app::Appended>* awaited = nullptr;
    std::optional<Result<app::Appended>> answer;
    bool maybe_ours = false;  // an earlier attempt may have committed: its origin, if found, may be our own
};

// One entry to be written, with its texts made.
struct NewEntry {
    std::int32_t version;
    core::Instant at;
    std::string_view kind;
    std::string origin;  // hex; empty: none
    std::string body;
    std::string doc;
};
struct NewEvent {
    core::EventId id;
    core::Instant at;
    std::string_view type;
    std::string body;
};
// Cards that an escalation adds, and the errand that tells of it.
struct Further {
    std::int32_t version;
    core::Instant at;
    core::ErrandId line;
    std::vector<std::pair<core::CardId, app::CardTarget>> cards;
};
struct RefusedVote {
    std::string person;
    std::string_view why;
    core::Instant at;
    NewEvent event;
};

// What one request's commands come to, within one transaction.
struct Appender::Group {
    explicit Group(core::RequestId id) : request(id) {}

    core::RequestId request;
    std::vector<Item*> items;
    KnownPtr known;
    struct {
        std::size_t entries = 0;
        core::State state = core::State::pending;
        std::size_t weight_bytes = 0;
    } recorded;            // how much of what is known is in the database
    bool located = false;  // its row was there and is locked

    // Made anew by every attempt:
    std::vector<NewEntry> entries;
    std::vector<NewEvent> events;
    std::vector<RefusedVote> refused;
    std::string behind;  // "{uuid,uuid}": more people than before turned out to be behind it
    std::optional<Further> further;
    std::vector<std::pair<app::Lease, app::Errand>> errands;
    core::Ruling ruling;
    bool wrote() const { return !entries.empty(); }
    bool answered() const {
        return std::ranges::all_of(items, [](const Item* item) { return item->answer.has_value(); });
    }
    // Everybody's command became entries: nothing else is to be looked up or written.
    bool plain() const {
        return wrote() && refused.empty() && behind.empty() && !further &&
               std::ranges::all_of(items, [](const Item* item) {
                   return item->answer && *item->answer && !(*item->answer)->refusal &&
                          !(*item->answer)->repeat;
               });
    }
    bool maybe_ours() const {
        return std::ranges::any_of(items, [](const Item* item) { return item->maybe_ours; });
    }

    void start_over() {
        entries.clear();
        events.clear();
        refused.clear();
        behind.clear();
        further.reset();
        errands.clear();
        if (known) {  // entries never change: those recorded are still true
            known->c.entries.erase(known->c.entries.begin() + std::ptrdiff_t(recorded.entries),
                                   known->c.entries.end());
            known->origins.resize(recorded.entries);
            known->state = recorded.state;
            known->weight_bytes = recorded.weight_bytes;
        }
        located = false;
        for (Item* item : items) item->answer.reset();
    }
    void take(Memory& memory) {
        known = memory.take(request);
        if (known) is_recorded();
    }
    void is_recorded() { recorded = {known->c.entries.size(), known->state, known->weight_bytes}; }
    void fail_all(const Failure& failure) {
        for (Item* item : items) item->answer.emplace(std::unexpected(failure));
    }
    const app::Lease& lease() const { return items.back()->what.lease; }
};

Appender::Appender(Pool& pool, Memory& memory, const rt::Clock& clock, rt::Entropy& entropy,
                   std::size_t batches_max)
    : pool_(pool), memory_(memory), clock_(clock), entropy_(entropy), batches_max_(batches_max) {}
Appender::~Appender() = default;

Later<app::Appended> Appender::append(app::Append what, Deadline deadline) {
    auto start = [this, &what, deadline](rt::Awaited<app::Appended>& awaited) {
        auto item = std::make_unique<Item>(std::move(what), deadline, rt::chance(entropy_));
        item->awaited = &awaited;
        enqueue(std::move(item));
    };
    co_return co_await rt::await_answer<app::Appended>(pool_.home().executor(), start);
}

std::size_t Appender::waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
}

void Appender::enqueue(std::unique_ptr<Item> item) {
    bool start = false;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.size() < waiting_max) {
            // A request that is under way is looked at again when its thread is done with it.
            start = batches_ < batches_max_ && !under_way_.contains(item->what.request);
            if (start) ++batches_;
            waiting_.push_back(std::move(item));
        }
    }
    if (start) return start_batch();
    if (!item) return;
    item->awaited->answer.emplace(fail(Trouble::overloaded, "too much is waiting already; try again"));
    pool_.home().deliver(std::move(item->awaited->resume));
}

void Appender::start_batch() {
    Pool::Task task = [this](Session* session) { work(session); };
    // The queue is full: whoever is at work takes what waits; with nobody at work it is run when next asked.
    if (pool_.post(rt::Lane::interactive, task)) return;
    std::vector<std::unique_ptr<Item>> left;
    {
        std::lock_guard lock(mutex_);
        --batches_;
        if (batches_ == 0) {
            for (auto& item : waiting_) left.push_back(std::move(item));
            waiting_.clear();
        }
    }
    for (auto& item : left) {
        item->awaited->answer.emplace(fail(Trouble::overloaded, "too much is waiting already; try again"));
        pool_.home().deliver(std::move(item->awaited->resume));
    }
}

// What waits, except for requests that another thread is at.
Appender::Items Appender::next_batch() {
    Items batch;
    std::unordered_set<core::RequestId> mine;
    std::deque<std::unique_ptr<Item>> left;
    while (!waiting_.empty() && batch.size() < batch_max) {
        auto item = std::move(waiting_.front());
        waiting_.pop_front();
        const auto& request = item->what.request;
        if (mine.contains(request) || under_way_.insert(request).second) {
            mine.insert(request);
            batch.push_back(std::move(item));
        } else {
            left.push_back(std::move(item));
        }
    }
    while (!left.empty()) {
        waiting_.push_front(std::move(left.back()));
        left.pop_back();
    }
    return batch;
}

void Appender::work(Session* session) {
    for (;;) {
        Items batch;
        {
            std::lock_guard lock(mutex_);
            batch = next_batch();
            if (batch.empty()) {
                --batches_;
                return;
            }
        }
        if (session)
            carry_out(*session, batch);
        else
            stop_all(batch);
        Items left;
        for (auto& item : batch) {
            if (!item->answer) left.push_back(std::move(item));
        }
        std::erase(batch, nullptr);
        finish(batch);
        while (!left.empty()) hand_over(*session, left);
        // Others wait for a thread: give them a turn.
        if (session && pool_.queued() > 0) return start_batch();
    }
}

void Appender::stop_all(Items& items) {
    for (auto& item : items) item->answer.emplace(fail(Trouble::unavailable, "the server is stopping"));
}

void Appender::finish(Items& items) {
    {
        std::lock_guard lock(mutex_);
        for (auto& item : items) under_way_.erase(item->what.request);
    }
    std::vector<rt::WayHome::Resume> finished;
    for (auto& item : items) {
        item->awaited->answer = std::move(item->answer);
        finished.push_back(std::move(item->awaited->resume));
    }
    items.clear();
    if (!finished.empty()) pool_.home().deliver(std::move(finished));
}

// Takes what is left of one request and sees to it apart, on a thread that may wait for its lock: the next
// batch does not wait for it. `session` is for when no other thread can be had.
void Appender::hand_over(Session& session, Items& left) {
    Items same;
    const core::RequestId request = left.front()->what.request;
    for (auto& item : left) {
        if (item->what.request == request) same.push_back(std::move(item));
    }
    std::erase(left, nullptr);
    Pool::Task task = [this, items = std::move(same)](Session* own) mutable {
        if (own) {
            Group group(items.front()->what.request);
            for (auto& item : items) group.items.push_back(item.get());
            alone(*own, group);
        } else {
            stop_all(items);
        }
        finish(items);
        bool start = false;
        {
            // What came for this request meanwhile.
            std::lock_guard lock(mutex_);
            start = !waiting_.empty() && batches_ < batches_max_;
            if (start) ++batches_;
        }
        if (start) start_batch();
    };
    if (!pool_.post(rt::Lane::background, task)) task(&session);
}

// The common case: everything in one transaction, nobody waits for a lock. What has no answer afterwards is
// to be tried alone.
void Appender::carry_out(Session& session, Items& items) {
    core::Instant now = clock_.now();
    std::vector<Group> groups;
    for (auto& item : items) {
        if (now >= item->deadline.at) {
            item->answer.emplace(fail(Trouble::overloaded, "busy, try again"));
            continue;
        }
        auto same = std::ranges::find(groups, item->what.request, &Group::request);
        if (same == groups.end()) {
            groups.emplace_back(item->what.request);
            same = groups.end() - 1;
        }
        same->items.push_back(item.get());
    }
    write_remembered(session, groups);
    std::vector<Group*> all;
    for (Group& group : groups) {
        if (!group.answered()) all.push_back(&group);
    }
    if (all.empty()) return;
    auto locked = lock(session, all, false);
    Sql<Done> written = Done{};
    if (locked) {
        std::erase_if(all, [](Group* group) { return !group->located; });
        for (Group* group : all) decide(*group);
        written = write(session, all);
    }
    if (locked && written) return;
    session.roll_back();
    bool unknown = !written && written.error().kind == SqlTrouble::Kind::lost;
    for (Group* group : all) {
        group->start_over();
        for (Item* item : group->items) item->maybe_ours = item->maybe_ours || unknown;
    }
}

// Cases we remember need not be read: they are judged as they were, and written if they still are.
void Appender::write_remembered(Session& session, std::vector<Group>& groups) {
    std::vector<Group*> plain;
    for (Group& group : groups) {
        group.take(memory_);
        if (!group.known) continue;
        decide(group);
        if (group.plain())
            plain.push_back(&group);
        else
            group.start_over();
    }
    if (plain.empty()) return;
    // In one order everywhere, so that two who write the same cases do not wait in a circle.
    std::ranges::sort(plain, {}, &Group::request);
    auto written = write_steps(session, plain);
    if (written && *written) return keep(plain);
    bool unknown = !written && written.error().kind == SqlTrouble::Kind::lost;
    for (Group* group : plain) {
        group->start_over();
        for (Item* item : group->items) item->maybe_ours = unknown;
    }
}

// One request in a transaction of its own: waits for its lock, and says what went wrong.
void Appender::alone(Session& session, Group& group) {
    constexpr int attempts_max = 3;
    for (int attempt = 1;; ++attempt) {
        group.start_over();
        std::vector<Group*> one{&group};
        auto locked = lock(session, one, true);
        if (locked && !group.located) {
            session.roll_back();
            bool said = group.items.front()->answer.has_value();
            if (said) return quarantine(session, group);
            return group.fail_all({Trouble::not_found, "there is no such request", {}, {}});
        }
        Sql<Done> written = std::unexpected(SqlTrouble{});
        if (locked) {
            decide(group);
            written = write(session, one);
            if (written) return;
        }
        SqlTrouble trouble = locked ? written.error() : locked.error();
        session.roll_back();
        using enum SqlTrouble::Kind;
        if (locked && trouble.kind == lost) {
            for (Item* item : group.items) item->maybe_ours = true;
        }
        bool worth_trying = trouble.kind == lost || trouble.kind == again;
        if (worth_trying && attempt < attempts_max && clock_.now() < group.items.back()->deadline.at)
            continue;
        Failure failure = as_failure(trouble);
        if (group.maybe_ours())
            failure = {Trouble::timed_out,
                       "the database went away before it said whether this was recorded",
                       {},
                       {}};
        group.fail_all(failure);
        if (trouble.kind == broken) quarantine(session, group);
        return;
    }
}

Sql<Done> Appender::lock(Session& session, std::vector<Group*>& groups, bool waits) {
    auto prepared = session.prepare(
        {Statement::lock_case, Statement::lock_cases, Statement::read_cases, Statement::cards_of});
    if (!prepared) return prepared;
    Array ids;
    Array known;
    for (Group* group : groups) {
        if (!group->known) group->take(memory_);
        ids.plain(group->request);
        known.plain(group->known ? group->known->c.version() : 0);
    }
    std::string sql = waits ? "BEGIN; EXECUTE lock_case(" : "BEGIN; EXECUTE lock_cases(";
    append_arrays(sql, ids, known);
    sql += ')';
    auto rows = session.run(sql);
    if (!rows) return std::unexpected(rows.error());
    std::vector<Group*> moved;
    auto taken = take_rows(*rows, groups, moved, waits);
    if (!taken || moved.empty()) return taken;
    // The lock was waited for, and the statement's snapshot is older than what it waited for: look again.
    Array moved_ids;
    Array moved_known;
    for (Group* group : moved) {
        moved_ids.plain(group->request);
        moved_known.plain(group->known->c.version());
    }
    sql = "EXECUTE read_cases(";
    append_arrays(sql, moved_ids, moved_known);
    sql += ')';
    auto again = session.run(sql);
    if (!again) return std::unexpected(again.error());
    std::vector<Group*> none;
    return take_rows(*again, moved, none, waits);
}

Sql<Done> Appender::take_rows(const pqxx::result& rows, std::vector<Group*>& groups,
                              std::vector<Group*>& moved, bool alone) {
    for (const auto& row : rows) {
        auto id = id_from<core::RequestId>(view(row[0]));
        auto group = std::ranges::find_if(groups, [&](Group* g) { return id && g->request == *id; });
        if (group == groups.end()) continue;
        auto taken = take_in((*group)->known, row);
        if (taken) {
            (*group)->located = true;
            (*group)->is_recorded();
        } else if (taken.error().code == "moved") {
            moved.push_back(*group);
        } else if (alone) {
            (*group)->fail_all(taken.error());
        } else {
            (*group)->known.reset();  // looked at again alone
        }
    }
    return Done{};
}

namespace {

bool is_refused_vote(const core::Command& command, const std::optional<core::Refusal>& refusal) {
    return std::holds_alternative<core::Cast>(command) && refusal && refusal->why != core::Why::repeated;
}

}  // namespace

// Whether the item's act is recorded already; then that is its answer.
bool Appender::answer_repeat(Group& group, Item& item, const std::string& origin) const {
    const Known& known = *group.known;
    auto seen = origin.empty() ? known.origins.end() : std::ranges::find(known.origins, origin);
    if (seen == known.origins.end()) return false;
    auto index = static_cast<std::size_t>(seen - known.origins.begin());
    // What an earlier attempt of ours may have written is no repeat.
    item.answer.emplace(app::Appended{.now = app::with_ruling(known.c),
                                      .refusal = {},
                                      .first_new = item.maybe_ours ? index : known.c.entries.size(),
                                      .repeat = !item.maybe_ours,
                                      .cards = {},
                                      .errands = {},
                                      .repeated = index});
    return true;
}

// Takes the group's commands in order. Nothing here can fail but for our own bugs: it is all in memory.
void Appender::decide(Group& group) {
    Known& known = *group.known;
    // Read after the lock is held, and never earlier than what is recorded already.
    core::Instant now = std::max(clock_.now(), at_of(known.c.entries.back()));
    for (Item* item : group.items) {
        const app::Append& what = item->what;
        std::string origin;
        if (what.origin && known.salt) origin = origin_hash(*known.salt, what.origin->key);
        if (answer_repeat(group, *item, origin)) continue;
        core::Step step = core::advance(known.c, what.command, *what.directory, now, what.age_max);
        if (!known.salt && !step.appended.empty()) {
            item->answer.emplace(
                fail(Trouble::conflict, "the texts of this request were erased: it cannot go on"));
            continue;
        }
        Minter minter(now, item->chance);
        const std::size_t first_new = known.c.entries.size();
        std::vector<app::Errand> errands;
        for (std::size_t i = 0; i < step.appended.size(); ++i) {
            bool last = i + 1 == step.appended.size();
            // A command that was refused leaves no trace of itself: come again, it is judged again.
            bool accepted = last && !step.refusal;
            record(group, *item, minter, std::move(step.appended[i]), accepted ? origin : std::string{},
                   last ? &step.ruling : nullptr, errands);
        }
        if (known.salt && is_refused_vote(what.command, step.refusal)) {
            record_refusal(group, *item, minter, step.refusal->why, now);
        }
        group.ruling = step.ruling;
        item->answer.emplace(app::Appended{.now = app::with_ruling(known.c, std::move(step.ruling)),
                                           .refusal = std::move(step.refusal),
                                           .first_new = first_new,
                                           .repeat = false,
                                           .cards = {},
                                           .errands = std::move(errands)});
    }
}

// One more entry: on the case in memory, and as the rows it becomes. `ruling` null: to be worked out.
void Appender::record(Group& group, const Item& item, Minter& minter, core::Entry entry, std::string origin,
                      const core::Ruling* ruling, std::vector<app::Errand>& errands) const {
    Known& known = *group.known;
    NewEntry row{.version = known.c.version() + 1,
                 .at = at_of(entry),
                 .kind = kind_of(entry),
                 .origin = std::move(origin),
                 .body = wire::stored_entry(entry, &*known.salt),
                 .doc = wire::stored_entry(entry, nullptr)};
    core::State before = known.state;
    if (const auto* again = std::get_if<core::Rejudged>(&entry))
        group.behind = persons(core::barred(known.c.applied, again->behind), *known.salt);
    known.c.entries.push_back(std::move(entry));
    known.origins.push_back(row.origin);
    known.weight_bytes += entry_weight(row.doc.size());
    known.state = ruling ? ruling->state : core::decide(known.c).state;
    const core::Entry& kept = known.c.entries.back();
    for (std::string_view type : event_types(kept, before, known.state)) {
        wire::Leaf leaf = leaf_of(group, minter.next_event(row.at, row.version), type, row.at);
        leaf.entry_body = row.body;
        group.events.push_back({leaf.id, leaf.at, type, wire::leaf_body(leaf)});
    }
    if (core::has_thread_line(kept)) {
        errands.push_back({.kind = app::Errand::Kind::thread_line,
                           .id = minter.next<core::ErrandId>(),
                           .request = group.request,
                           .entry = known.c.version() - 1,
                           .attempts = 0});
        group.errands.emplace_back(item.what.lease, errands.back());
        if (std::holds_alternative<core::Escalated>(kept)) {
            group.further = Further{row.version, row.at, errands.back().id, {}};
            for (auto& target : app::escalation_targets(known.c.applied, item.what.served))
                group.further->cards.emplace_back(minter.next<core::CardId>(), std::move(target));
        }
    }
    group.entries.push_back(std::move(row));
}

wire::Leaf Appender::leaf_of(const Group& group, core::EventId id, std::string_view type, core::Instant at) {
    const Known& known = *group.known;
    return {.type = type,
            .id = id,
            .at = at,
            .request = group.request,
            .version = known.c.version(),
            .state = known.state,
            .digest = known.c.request->digest,
            .policy = known.c.applied->policy_digest,
            .entry_body = {},
            .person = {},
            .why = {}};
}

void Appender::record_refusal(Group& group, const Item& item, Minter& minter, core::Why why,
                              core::Instant now) const {
    const auto& account = std::get<core::Cast>(item.what.command).account;
    std::string person = wire::sealed(*group.known->salt, item.what.directory->person_of(account).text());
    wire::Leaf leaf =
        leaf_of(group, minter.next_refusal(now, group.known->c.version()), "request.vote_refused", now);
    leaf.person = person;
    leaf.why = code_of(why);
    group.refused.push_back(
        {person.substr(0, 32), leaf.why, now, {leaf.id, now, leaf.type, wire::leaf_body(leaf)}});
}

namespace {

std::string write_refused(const core::RequestId& request, const RefusedVote& refused) {
    return "WITH x AS (INSERT INTO refused_vote AS had (request_id, person, why, last_at) VALUES (" +
           literal(request) + ", '" + refused.person + "', '" + std::string(refused.why) + "', " +
           literal(refused.at) +
           ") ON CONFLICT (request_id, person, why) DO UPDATE SET times = had.times + 1, last_at = "
           "excluded.last_at "
           "RETURNING times), v AS (INSERT INTO event (id, request_id, at, type, body) SELECT " +
           literal(refused.event.id) + ", " + literal(request) + ", " + literal(refused.at) +
           ", 'request.vote_refused', convert_to(" + literal(refused.event.body) +
           ", 'UTF8') FROM x WHERE times = 1 RETURNING id) INSERT INTO unsequenced SELECT id FROM v; ";
}

// The parameters of write_steps.
struct Rows {
    Column r_id{Oid::uuid}, r_known{Oid::int4}, r_version{Oid::int4}, r_state{Oid::text},
        r_due{Oid::timestamptz}, r_counted{Oid::text}, r_holder{Oid::uuid}, r_until{Oid::timestamptz},
        r_had{Oid::text};
    Column e_request{Oid::uuid}, e_version{Oid::int4}, e_at{Oid::timestamptz}, e_kind{Oid::text},
        e_origin{Oid::uuid}, e_body{Oid::text}, e_doc{Oid::text};
    Column v_id{Oid::uuid}, v_request{Oid::uuid}, v_at{Oid::timestamptz}, v_type{Oid::text},
        v_body{Oid::bytea};
    Column now{Oid::timestamptz};
    Column g_id{Oid::uuid}, g_request{Oid::uuid}, g_entry{Oid::int4}, g_holder{Oid::uuid},
        g_until{Oid::timestamptz};

    void add(const core::RequestId& request, const NewEntry& entry) {
        e_request.add(request);
        e_version.add(entry.version);
        e_at.add(entry.at);
        e_kind.add(entry.kind);
        auto origin = unhex(entry.origin);
        if (entry.origin.empty() || !origin)
            e_origin.null();
        else
            e_origin.add(std::as_bytes(std::span(*origin)));
        e_body.add(entry.body);
        e_doc.add(entry.doc);
    }
    void add(const core::RequestId& request, const NewEvent& event) {
        v_id.add(event.id);
        v_request.add(request);
        v_at.add(event.at);
        v_type.add(event.type);
        v_body.add(std::as_bytes(std::span(event.body)));
    }
    void add(const Known& known, std::size_t recorded, core::State had, const core::Ruling& ruling,
             const app::Lease& lease) {
        r_id.add(known.c.request->id);
        r_known.add(static_cast<std::int32_t>(recorded));
        r_version.add(known.c.version());
        r_state.add(name_of(known.state));
        auto due = core::due_at(known.c, ruling);
        if (due)
            r_due.add(*due);
        else
            r_due.null();
        r_counted.add(counted_persons(ruling, *known.salt));
        r_holder.add(lease.holder);
        r_until.add(lease.until);
        r_had.add(name_of(had));
    }
    void add(const app::Lease& lease, const app::Errand& errand) {
        g_id.add(errand.id);
        g_request.add(errand.request);
        g_entry.add(errand.entry);
        g_holder.add(lease.holder);
        g_until.add(lease.until);
    }
    // `single`: for write_step.
    Parameters finished(bool single) const {
        auto its = [single](const Column& column) { return single ? column.only() : column.finished(); };
        auto all = [](const Column& column) { return column.finished(); };
        return {its(r_id),     its(r_known),  its(r_version), its(r_state),   all(r_due),     its(r_counted),
                its(r_holder), its(r_until),  its(r_had),     its(e_request), its(e_version), its(e_at),
                its(e_kind),   all(e_origin), its(e_body),    its(e_doc),     all(v_id),      all(v_request),
                all(v_at),     all(v_type),   all(v_body),    all(now),       all(g_id),      all(g_request),
                all(g_entry),  all(g_holder), all(g_until)};
    }
};

}  // namespace

// Entries, events, states, cards and thread lines of all of them, and the cards that are ours now: one
// statement. False: one of the cases is not as it was known, or somebody else is at it; nothing was written.
Sql<bool> Appender::write_steps(Session& session, std::vector<Group*>& groups) {
    Rows rows;
    rows.now.add(clock_.now());
    std::size_t lines = 0;
    for (Group* group : groups) {
        for (const auto& entry : group->entries) rows.add(group->request, entry);
        for (const auto& event : group->events) rows.add(group->request, event);
        for (const auto& [lease, errand] : group->errands) rows.add(lease, errand);
        lines += group->errands.size();
        rows.add(*group->known, group->recorded.entries, group->recorded.state, group->ruling,
                 group->lease());
    }
    bool single = groups.size() == 1 && groups.front()->entries.size() == 1;
    auto done =
        session.execute(single ? Statement::write_step : Statement::write_steps, rows.finished(single));
    if (!done) return std::unexpected(done.error());
    if (done->empty() || view((*done)[0][0]) != "t") return false;
    std::vector<CardRow> cards;
    for (const auto& row : *done) {
        if (row[2].is_null()) continue;
        auto card = card_from(row.slice(2, row.size()));
        if (card) cards.push_back(std::move(*card));
    }
    bool all_lines = (*done)[0][1].as<std::size_t>() == lines;
    for (Group* group : groups) hand_out(*group, cards, all_lines);
    return true;
}

// The cards go to the last command, as those that fell behind do.
Sql<Done> Appender::post_further(Session& session, Group& group) {
    auto prepared = session.prepare({Statement::escalate});
    if (!prepared) return prepared;
    const Further& further = *group.further;
    Array ids, surfaces, channels;
    for (const auto& [id, target] : further.cards) {
        ids.plain(id);
        surfaces.plain(name_of(target.surface));
        channels.text(target.channel);
    }
    std::string sql =
        "EXECUTE escalate(" + literal(group.request) + "," + std::to_string(further.version) + ",";
    append_arrays(sql, ids, surfaces, channels);
    sql += "," + literal(further.line) + "," + literal(group.lease().holder) + "," +
           literal(group.lease().until) + "," + literal(further.at) + ")";
    auto rows = session.run(sql);
    if (!rows) return std::unexpected(rows.error());
    auto& answer = group.items.back()->answer;
    for (const auto& row : *rows) {
        auto card = card_from(row);
        if (card && answer && *answer) (*answer)->cards.push_back(std::move(card->job));
    }
    return Done{};
}

// The commit of what was locked, with the votes that were refused.
Sql<Done> Appender::write(Session& session, std::vector<Group*>& groups) {
    std::vector<Group*> wrote;
    Array card_requests;
    std::string sql;
    for (Group* group : groups) {
        for (const auto& vote : group->refused) sql += write_refused(group->request, vote);
        if (!group->behind.empty())
            sql += "UPDATE request SET behind = '" + group->behind +
                   "' WHERE id = " + literal(group->request) + "; ";
        if (group->wrote())
            wrote.push_back(group);
        else if (group->maybe_ours())
            card_requests.plain(group->request);
    }
    if (!wrote.empty()) {
        auto written = write_steps(session, wrote);
        if (!written) return std::unexpected(written.error());
        if (!*written) return std::unexpected(SqlTrouble{SqlTrouble::Kind::again, "a locked case moved", {}});
        for (Group* group : wrote) {
            if (!group->further || group->further->cards.empty()) continue;
            auto posted = post_further(session, *group);
            if (!posted) return posted;
        }
    }
    bool changes = !wrote.empty() || !sql.empty();
    sql += changes ? "COMMIT" : "ROLLBACK";
    bool asks_cards = !card_requests.empty();
    if (asks_cards) {
        sql += "; EXECUTE cards_of(";
        append_arrays(sql, card_requests);
        sql += ')';
    }
    auto done = session.run(sql);
    if (!done) return std::unexpected(done.error());
    if (asks_cards) {
        std::vector<CardRow> cards;
        for (const auto& row : *done) {
            auto card = card_from(row);
            if (card) cards.push_back(std::move(*card));
        }
        for (Group* group : groups) {
            if (!group->wrote() && group->maybe_ours()) hand_out(*group, cards, false);
        }
    }
    keep(groups);
    return Done{};
}

void Appender::keep(std::vector<Group*>& groups) {
    for (Group* group : groups) {
        memory_.put(std::move(group->known));
    }
}

// Cards go to the last command of their request: it knows the newest version. A request without cards has no
// thread lines either: their rows were not written, unless `has_lines` says that all were.
void Appender::hand_out(Group& group, std::vector<CardRow>& cards, bool has_lines) {
    bool shown = has_lines;
    const Item& last = *group.items.back();
    for (auto& card : cards) {
        if (card.job.request != group.request) continue;
        shown = true;
        bool ours = card.holder == last.what.lease.holder;
        if (ours && last.answer && *last.answer)
            (*group.items.back()->answer)->cards.push_back(std::move(card.job));
    }
    for (Item* item : group.items) {
        if (!shown && item->answer && *item->answer) (*item->answer)->errands.clear();
    }
}

void Appender::quarantine(Session& session, Group& group) {
    const auto& answer = group.items.front()->answer;
    if (!answer || *answer || answer->error().trouble != Trouble::corrupt) return;
    log::error("pg", "request {} does not hold together and is set aside: {}", group.request.text(),
               answer->error().detail);
    static_cast<void>(session.run("UPDATE request SET quarantined = true WHERE NOT quarantined AND id = " +
                                  literal(group.request)));
}

}  // namespace countersign::pg
