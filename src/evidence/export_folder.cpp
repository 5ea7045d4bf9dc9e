#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/decision.hpp"
#include "countersign/wire/dsse.hpp"
#include "countersign/wire/json.hpp"
#include "evidence/case_check.hpp"
#include "evidence/files.hpp"
#include "evidence/request_file.hpp"

namespace countersign::evidence {
namespace {

using core::Value;

constexpr core::Duration export_patience{std::chrono::seconds{30}};
constexpr std::string_view export_format = "countersign-export/v1";
constexpr const char* export_readme =
    "What was decided, by whom and why, with everything that proves it.\n\n"
    "requests/    what was asked, every vote, and the rules, one file a request\n"
    "decisions/   each decision as a signed statement (in-toto in DSSE), and the proof of its place in the "
    "log\n"
    "log/         the checkpoint, and the part of the log's tree that is needed (C2SP tlog-tiles)\n"
    "keys.json    the public keys: compare them with those that the server's operator has published\n"
    "manifest.json  which part of the log this is\n\n"
    "`countersign audit verify FOLDER` checks all of it without a server. docs/evidence.md of Countersign "
    "says how\n"
    "to do it with other tools.\n";

class FolderExport {
  public:
    FolderExport(app::AuditStore& store, app::TreeStore& tree, Export what, const rt::Clock& clock)
        : store_(store),
          tree_(tree),
          filter_(std::move(what.filter)),
          keys_(std::move(what.keys)),
          folder_(std::move(what.folder)),
          clock_(clock) {}
    Later<Exported> run(const AuditProgress& progress);

  private:
    Deadline soon() const { return {clock_.now() + export_patience}; }
    Result<Done> write(const std::string& path, std::string_view content) const {
        return write_whole(folder_ + "/" + path, content);
    }
    Later<Done> begin();
    Later<std::int64_t> index_at(core::Instant at);
    Later<core::Instant> time_of(std::int64_t index);
    Later<Done> write_requests_of(std::vector<core::RequestId> requests);
    Later<Done> write_one(const app::AuditedCase& one);
    Later<Done> write_decision(const app::AuditedCase& one, const CheckedCase& checked);
    Later<Done> write_tiles();
    Later<Done> write_tile(tlog::TileId tile);
    Later<Done> write_path_of(std::int64_t bundle);
    Result<Done> write_manifest() const;
    bool wanted(const CheckedCase& checked) const;

    app::AuditStore& store_;
    app::TreeStore& tree_;
    ExportFilter filter_;
    ExportKeys keys_;
    std::string folder_;
    const rt::Clock& clock_;
    std::string checkpoint_;
    tlog::TreeHead head_;
    Exported done_;
    std::set<core::RequestId> seen_;
    std::set<std::int64_t> bundles_;  // beside those of the range
    std::set<tlog::TileId> written_;
};

Later<Done> FolderExport::begin() {
    std::error_code error;
    if (std::filesystem::exists(folder_, error) && !std::filesystem::is_empty(folder_, error))
        co_return fail(
            Trouble::conflict,
            fmt::format("{} is not empty: name a folder that does not exist yet", visible(folder_)));
    auto newest = co_await tree_.newest_checkpoint(keys_.log.name, soon());
    if (!newest) co_return pass(newest);
    auto checkpoint = tlog::open_checkpoint(*newest, keys_.log);
    if (!checkpoint) co_return pass(checkpoint);
    checkpoint_ = std::move(*newest);
    head_ = checkpoint->head;
    done_.end = head_.size;
    if (filter_.since) {
        auto first = co_await index_at(*filter_.since);
        if (!first) co_return pass(first);
        done_.first = *first;
    }
    if (filter_.until) {
        auto end = co_await index_at(*filter_.until);
        if (!end) co_return pass(end);
        done_.end = std::max(done_.first, *end);
    }
    co_return Done{};
}

Later<core::Instant> FolderExport::time_of(std::int64_t index) {
    auto page = co_await store_.events(index, 1, soon());
    if (!page) co_return pass(page);
    auto leaf = page->empty() ? Result<Value>(Value{})
                              : wire::parse_json(page->front().body, {.bytes_max = tlog::entry_bytes_max});
    auto at = leaf ? core::parse_rfc3339((*leaf)["occurred_at"].text()) : std::nullopt;
    if (!at)
        co_return fail(Trouble::corrupt, fmt::format("event {} is not readable: run `audit verify`", index));
    co_return *at;
}

// Finds the first event of then or later. Events stand in the order of their times, but for what was recorded
// within the same moment on several replicas.
Later<std::int64_t> FolderExport::index_at(core::Instant at) {
    std::int64_t before = -1;
    std::int64_t after = head_.size;
    while (after - before > 1) {
        std::int64_t middle = before + (after - before) / 2;
        auto time = co_await time_of(middle);
        if (!time) co_return pass(time);
        (*time < at ? before : after) = middle;
    }
    co_return after;
}

bool FolderExport::wanted(const CheckedCase& checked) const {
    if (filter_.complete() || !checked.c) return true;
    const core::Request& request = checked.c->request;
    return (!filter_.action || request.action == *filter_.action) &&
           (!filter_.environment || request.environment == filter_.environment) &&
           (!filter_.request || request.id == *filter_.request);
}

Later<Done> FolderExport::write_decision(const app::AuditedCase& one, const CheckedCase& checked) {
    auto decided = wire::decided_part(*checked.c);
    if (!decided) co_return Done{};
    std::string type = "request." + std::string(core::name_of(decided->ruling.state));
    auto leaf = std::ranges::find_if(one.logged, [&](const app::LoggedLeaf& logged) {
        return logged.version == decided->c.version() && logged.type == type;
    });
    auto body = std::ranges::find_if(checked.leaves, [&](const app::LoggedLeaf& expected) {
        return expected.version == decided->c.version() && expected.type == type;
    });
    if (leaf == one.logged.end() || body == checked.leaves.end() || leaf->index >= head_.size)
        co_return Done{};
    const std::string& bytes = checked.bodies[static_cast<std::size_t>(body - checked.leaves.begin())];
    auto statement = wire::decision_statement(*decided, {keys_.log.name, leaf->index, bytes});
    std::string stem = "decisions/" + one.recorded.id.text();
    auto envelope = wire::envelope_of(core::canonical(statement), wire::statement_type, *keys_.decision);
    if (!envelope) co_return pass(envelope);
    auto written = write(stem + ".dsse.json", *envelope);
    if (!written) co_return written;
    auto read = co_await tree_.prove(keys_.log.name, leaf->index, soon());
    if (!read) co_return pass(read);
    ++done_.decisions;
    co_return write(stem + ".tlog-proof",
                    tlog::text_of(tlog::InclusionProof{bytes, leaf->index, read->hashes, read->checkpoint}));
}

Later<Done> FolderExport::write_one(const app::AuditedCase& one) {
    auto checked = check_case(one.recorded);
    if (!wanted(checked)) co_return Done{};
    std::string where = fmt::format("request #{}", one.recorded.number);
    if (!one.broken.empty()) done_.findings.push_back({where, one.broken});
    for (const auto& problem : checked.problems) done_.findings.push_back({where, problem});
    RequestFile file{one.recorded, one.logged};
    // What the checkpoint does not cover yet, whole entries of it, is left for the next export.
    auto covered = static_cast<std::int32_t>(file.recorded.entries.size());
    for (const auto& leaf : one.logged)
        if (leaf.index >= head_.size) covered = std::min(covered, leaf.version - 1);
    for (std::int32_t version : one.waits) covered = std::min(covered, version - 1);
    if (covered <= 0) co_return Done{};
    std::erase_if(file.logged, [covered](const app::LoggedLeaf& leaf) { return leaf.version > covered; });
    file.recorded.entries.resize(static_cast<std::size_t>(covered));
    for (const auto& leaf : file.logged) bundles_.insert(leaf.index / tlog::tile_hashes);
    auto written = write("requests/" + one.recorded.id.text() + ".json", text_of(file));
    if (!written) co_return written;
    ++done_.requests;
    // Nothing is signed of what does not hold together.
    if (!checked.c || !checked.problems.empty() || !one.broken.empty()) co_return Done{};
    co_return co_await write_decision(one, checked);
}

Later<Done> FolderExport::write_requests_of(std::vector<core::RequestId> requests) {
    std::erase_if(requests, [this](const core::RequestId& id) { return !seen_.insert(id).second; });
    for (std::size_t at = 0; at < requests.size(); at += app::AuditStore::cases_max) {
        auto end = std::min(requests.size(), at + app::AuditStore::cases_max);
        std::vector<core::RequestId> some(requests.begin() + static_cast<std::ptrdiff_t>(at),
                                          requests.begin() + static_cast<std::ptrdiff_t>(end));
        auto cases = co_await store_.cases_of(std::move(some), soon());
        if (!cases) co_return pass(cases);
        for (const auto& one : *cases) {
            auto written = co_await write_one(one);
            if (!written) co_return written;
        }
    }
    co_return Done{};
}

Later<Done> FolderExport::write_tile(tlog::TileId tile) {
    if (!written_.insert(tile).second) co_return Done{};
    auto bytes = co_await tree_.tile(tile, soon());
    if (!bytes) co_return pass(bytes);
    co_return write("log/" + tlog::path_of(tile), *bytes);
}

// A bundle, and every tile between it and the root.
Later<Done> FolderExport::write_path_of(std::int64_t bundle) {
    tlog::TileId entries{tlog::entries_level, bundle, tlog::width_of(0, bundle, head_.size)};
    auto written = co_await write_tile(entries);
    if (!written) co_return written;
    std::int64_t index = bundle;
    for (int level = 0; level < tlog::levels_max; ++level, index /= tlog::tile_hashes) {
        int width = tlog::width_of(level, index, head_.size);
        if (width > 0) written = co_await write_tile({level, index, width});
        if (!written) co_return written;
        // The right edge is part of every path.
        std::int64_t last = (head_.size >> (8 * level)) / tlog::tile_hashes;
        int edge = tlog::width_of(level, last, head_.size);
        if (edge > 0) written = co_await write_tile({level, last, edge});
        if (!written) co_return written;
    }
    co_return Done{};
}

Later<Done> FolderExport::write_tiles() {
    if (done_.end > done_.first && !filter_.request)
        for (std::int64_t one = done_.first / tlog::tile_hashes; one <= (done_.end - 1) / tlog::tile_hashes;
             ++one) {
            auto written = co_await write_path_of(one);
            if (!written) co_return written;
        }
    for (std::int64_t one : bundles_) {
        auto written = co_await write_path_of(one);
        if (!written) co_return written;
    }
    co_return Done{};
}

Result<Done> FolderExport::write_manifest() const {
    auto text = [](const std::optional<std::string>& one) { return one ? Value(*one) : Value(); };
    auto time = [](const std::optional<core::Instant>& at) {
        return at ? Value(core::rfc3339(*at)) : Value();
    };
    auto document = Value::object({{"format", export_format},
                                   {"origin", keys_.log.name},
                                   {"size", head_.size},
                                   {"first", done_.first},
                                   {"end", done_.end},
                                   {"complete", filter_.complete()},
                                   {"since", time(filter_.since)},
                                   {"until", time(filter_.until)},
                                   {"action", text(filter_.action)},
                                   {"environment", text(filter_.environment)},
                                   {"requests", done_.requests},
                                   {"exportedAt", core::rfc3339(clock_.now())}});
    auto written = write("log/checkpoint", checkpoint_);
    if (written) written = write("keys.json", keys_.keys_document);
    if (written) written = write("README.txt", export_readme);
    if (written) written = write("manifest.json", core::canonical(document) + "\n");
    return written;
}

Later<Exported> FolderExport::run(const AuditProgress& progress) {
    auto begun = co_await begin();
    if (!begun) co_return pass(begun);
    if (filter_.request) {
        auto written = co_await write_requests_of({*filter_.request});
        if (!written) co_return pass(written);
        done_.end = done_.first;
    }
    for (std::int64_t at = done_.first; at < done_.end;) {
        auto most = std::min<std::int64_t>(done_.end - at, app::AuditStore::events_max);
        auto page = co_await store_.events(at, static_cast<std::size_t>(most), soon());
        if (!page) co_return pass(page);
        std::vector<core::RequestId> requests;
        for (const auto& event : *page)
            if (event.request) requests.push_back(*event.request);
        auto written = co_await write_requests_of(std::move(requests));
        if (!written) co_return pass(written);
        at += most;
        if (progress) progress("events", at - done_.first, done_.end - done_.first);
    }
    auto tiles = co_await write_tiles();
    if (!tiles) co_return pass(tiles);
    auto manifest = write_manifest();
    if (!manifest) co_return pass(manifest);
    co_return done_;
}

}  // namespace

Later<Exported> export_folder(app::AuditStore& store, app::TreeStore& tree, Export what,
                              const rt::Clock& clock, AuditProgress progress) {
    FolderExport work(store, tree, std::move(what), clock);
    co_return co_await work.run(progress);
}

}  // namespace countersign::evidence
