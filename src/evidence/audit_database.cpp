#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "evidence/case_check.hpp"
#include "evidence/successions.hpp"

namespace countersign::evidence {
namespace {

constexpr core::Duration page_patience{std::chrono::seconds{30}};
constexpr std::size_t checkpoints_page = 1'000;
constexpr core::Duration clock_slack{std::chrono::seconds{2}};  // between this clock and the servers'

// A checkpoint that is to be found again when the tree has its size.
struct Claim {
    std::string where;
    tlog::TreeHead head;
};

class DatabaseAudit {
  public:
    DatabaseAudit(app::AuditStore& store, app::TreeStore& tree, std::vector<tlog::NoteKey> keys,
                  const rt::Clock& clock, AuditProgress progress)
        : store_(store),
          tree_(tree),
          keys_(std::move(keys)),
          clock_(clock),
          progress_(progress ? std::move(progress) : [](std::string_view, std::int64_t, std::int64_t) {}) {}

    Later<Audit> run(std::vector<KnownCheckpoint> known);

  private:
    Deadline soon() const { return {clock_.now() + page_patience}; }
    Later<Done> check_events();
    Later<Done> check_tiles(bool last);
    Later<Done> refill();
    Later<Done> check_cases();
    void check_event(const app::AuditedEvent& event);
    void check_leaf(const app::AuditedEvent& event);
    void check_root();
    void check_case_of(const app::AuditedCase& one);
    void take_known(const KnownCheckpoint& known);
    void take_stored(const app::AuditStore::StoredCheckpoint& stored);
    void left_over();

    app::AuditStore& store_;
    app::TreeStore& tree_;
    std::vector<tlog::NoteKey> keys_;
    const rt::Clock& clock_;
    AuditProgress progress_;
    Audit audit_;
    Successions successions_;
    app::AuditStore::Extent extent_;
    tlog::Frontier frontier_;
    tlog::TileEdge edge_;
    std::vector<Claim> known_;      // in the order of their sizes, the last first
    std::deque<Claim> claims_;      // the next of the stored ones
    std::int64_t claims_from_ = 0;  // the size from which on more are to be read; -1: there are no more
    bool whole_ = true;             // no event was missing so far
};

Later<Audit> DatabaseAudit::run(std::vector<KnownCheckpoint> known) {
    const auto started = clock_.now();
    auto extent = co_await store_.extent(soon());
    if (!extent) co_return pass(extent);
    extent_ = std::move(*extent);
    if (!extent_.broken.empty()) audit_.found("the log's tree", extent_.broken);
    if (extent_.tree.size > extent_.events)
        audit_.found("the log's tree", fmt::format("has {} leaves, but there are only {} events",
                                                   extent_.tree.size, extent_.events));
    for (const auto& one : known) take_known(one);
    std::ranges::sort(known_, std::greater{}, [](const Claim& claim) { return claim.head.size; });
    auto events = co_await check_events();
    if (!events) co_return pass(events);
    left_over();
    auto cases = co_await check_cases();
    if (!cases) co_return pass(cases);
    for (auto& problem : successions_.problems(true, started - clock_slack))
        audit_.found(fmt::format("request {}", problem.request.text()), std::move(problem.text));
    co_return std::move(audit_);
}

void DatabaseAudit::take_known(const KnownCheckpoint& known) {
    for (const auto& key : keys_) {
        auto checkpoint = tlog::open_checkpoint(known.note, key);
        if (!checkpoint) continue;
        known_.push_back({known.name, checkpoint->head});
        return;
    }
    audit_.found(known.name, "is no checkpoint that a key of this log signed");
}

void DatabaseAudit::take_stored(const app::AuditStore::StoredCheckpoint& stored) {
    std::string where = fmt::format("checkpoint {}", stored.head.size);
    bool ours =
        std::ranges::any_of(keys_, [&](const tlog::NoteKey& key) { return key.name == stored.origin; });
    if (!ours) return;  // of a log that was ended; its key is not asked for
    for (const auto& key : keys_) {
        auto checkpoint = tlog::open_checkpoint(stored.note, key);
        if (!checkpoint) continue;
        if (checkpoint->head != stored.head) audit_.found(where, "says something else than its row");
        claims_.push_back({std::move(where), checkpoint->head});
        return;
    }
    audit_.found(where, "is not signed by a key of this log");
}

Later<Done> DatabaseAudit::refill() {
    while (claims_.empty() && claims_from_ >= 0) {
        auto page = co_await store_.checkpoints(claims_from_, checkpoints_page, soon());
        if (!page) co_return pass(page);
        for (const auto& one : *page) take_stored(one);
        bool more = page->size() == checkpoints_page;
        claims_from_ = more ? page->back().head.size + 1 : -1;
    }
    co_return Done{};
}

// Checks every claim about a tree of this size.
void DatabaseAudit::check_root() {
    auto check = [&](const Claim& claim) {
        ++audit_.checkpoints;
        if (whole_ && claim.head.root != frontier_.root())
            audit_.found(claim.where, "was signed of another history: its root is not that of these events");
    };
    while (!known_.empty() && known_.back().head.size == frontier_.size()) {
        check(known_.back());
        known_.pop_back();
    }
    while (!claims_.empty() && claims_.front().head.size == frontier_.size()) {
        check(claims_.front());
        claims_.pop_front();
    }
    if (whole_ && frontier_.size() == extent_.tree.size && frontier_.root() != extent_.tree.root)
        audit_.found("the log's tree", "has another root than its events");
}

// The leaf must say what the row beside it says.
void DatabaseAudit::check_leaf(const app::AuditedEvent& event) {
    std::string where = fmt::format("event {}", event.index);
    auto leaf = wire::parse_json(event.body, {.bytes_max = tlog::entry_bytes_max});
    if (!leaf) return audit_.found(where, "is not readable");
    if (core::canonical(*leaf) != event.body) return audit_.found(where, "was written anew in another form");
    bool same = (*leaf)["type"].text() == event.type &&
                (!event.state || (*leaf)["state"].text() == core::name_of(*event.state)) &&
                (!event.request || (*leaf)["request_id"].text() == event.request->text()) &&
                (!event.of_entry || (*leaf)["version"].whole() == event.version);
    if (!same) audit_.found(where, "is filed as something else than its leaf says");
}

void DatabaseAudit::check_event(const app::AuditedEvent& event) {
    std::int64_t due = audit_.events;
    if (event.index != due) {
        audit_.found(fmt::format("event {}", due), event.index == due + 1
                                                       ? std::string("is missing")
                                                       : fmt::format("to {} are missing", event.index - 1));
        whole_ = false;
    }
    audit_.events = event.index + 1;
    if (!event.broken.empty()) audit_.found(fmt::format("event {}", event.index), event.broken);
    check_leaf(event);
    if (!whole_) return;
    auto hash = tlog::leaf_hash(event.body);
    frontier_.append(hash);
    if (event.index < extent_.tree.size) edge_.append(hash);
    check_root();
}

Later<Done> DatabaseAudit::check_tiles(bool last) {
    for (const auto& [id, bytes] : edge_.take_changed()) {
        tlog::TileId tile{id.first, id.second, static_cast<int>(bytes.size() / tlog::hash_bytes)};
        if (tile.width < tlog::tile_hashes && !last) continue;
        auto stored = co_await tree_.tile(tile, soon());
        if (!stored && stored.error().trouble == Trouble::unavailable) co_return pass(stored);
        if (!stored)
            audit_.found(tlog::path_of(tile), "is missing");
        else if (*stored != bytes)
            audit_.found(tlog::path_of(tile), "does not hold the hashes of these events");
    }
    co_return Done{};
}

Later<Done> DatabaseAudit::check_events() {
    check_root();
    while (audit_.events < extent_.events) {
        auto left = static_cast<std::size_t>(extent_.events - audit_.events);
        auto page =
            co_await store_.events(audit_.events, std::min(left, app::AuditStore::events_max), soon());
        if (!page) co_return pass(page);
        if (page->empty()) {
            auto to = std::min(extent_.events,
                               audit_.events + static_cast<std::int64_t>(app::AuditStore::events_max));
            audit_.found(fmt::format("events {} to {}", audit_.events, to - 1), "are missing");
            audit_.events = to;
            whole_ = false;
        }
        for (const auto& event : *page) {
            auto more = co_await refill();
            if (!more) co_return more;
            check_event(event);
        }
        bool last = audit_.events >= extent_.events;
        // What is written only when it is full is looked at when it is; the edge at the end.
        auto tiles = co_await check_tiles(last);
        if (!tiles) co_return tiles;
        progress_("events", audit_.events, extent_.events);
    }
    co_return Done{};
}

// What was signed of a longer log than this one, or was passed over where events are missing.
void DatabaseAudit::left_over() {
    if (!whole_) audit_.found("checkpoints", "cannot all be checked, because events are missing");
    for (const auto& claim : known_)
        if (claim.head.size > extent_.events)
            audit_.found(claim.where,
                         fmt::format("was signed of {} events, but there are only {}: this database is "
                                     "older than the log it published",
                                     claim.head.size, extent_.events));
    for (const auto& claim : claims_)
        if (claim.head.size > extent_.events)
            audit_.found(claim.where, fmt::format("is of more events than there are ({})", extent_.events));
}

void DatabaseAudit::check_case_of(const app::AuditedCase& one) {
    std::string where = one.recorded.number > 0 ? fmt::format("request #{}", one.recorded.number)
                                                : fmt::format("request {}", one.recorded.id.text());
    ++audit_.requests;
    audit_.entries += static_cast<std::int64_t>(one.recorded.entries.size());
    if (!one.broken.empty()) audit_.found(where, one.broken);
    auto checked = check_case(one.recorded);
    audit_.erased += checked.erased ? 1 : 0;
    for (auto& problem : checked.problems) audit_.found(where, std::move(problem));
    for (auto& problem : compare_leaves(checked, one.logged, one.waits))
        audit_.found(where, std::move(problem));
    if (checked.c) successions_.take(*checked.c, checked.erased);
}

Later<Done> DatabaseAudit::check_cases() {
    std::optional<core::RequestId> after;
    for (;;) {
        auto page = co_await store_.cases(after, app::AuditStore::cases_max, soon());
        if (!page) co_return pass(page);
        for (const auto& one : *page) check_case_of(one);
        progress_("requests", audit_.requests, -1);
        if (page->size() < app::AuditStore::cases_max) co_return Done{};
        after = page->back().recorded.id;
    }
}

}  // namespace

void Audit::found(std::string where, std::string what) {
    if (findings.size() < findings_max)
        findings.push_back({std::move(where), std::move(what)});
    else
        ++more_findings;
}

Later<Audit> audit_database(app::AuditStore& store, app::TreeStore& tree, std::vector<tlog::NoteKey> log_keys,
                            std::vector<KnownCheckpoint> known, const rt::Clock& clock,
                            AuditProgress progress) {
    DatabaseAudit audit(store, tree, std::move(log_keys), clock, std::move(progress));
    co_return co_await audit.run(std::move(known));
}

}  // namespace countersign::evidence
