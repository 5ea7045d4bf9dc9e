#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/decision.hpp"
#include "countersign/wire/dsse.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/request.hpp"
#include "evidence/case_check.hpp"
#include "evidence/files.hpp"
#include "evidence/request_file.hpp"
#include "evidence/successions.hpp"

namespace countersign::evidence {
namespace {

using core::Value;

constexpr std::size_t bundles_kept = 64;

Result<Value> read_document(const std::string& path) {
    auto text = read_whole(path);
    if (!text) return pass(text);
    return wire::parse_json(*text,
                            {.bytes_max = export_file_bytes_max, .nesting_max = wire::document_nesting_max});
}

class FolderAudit {
  public:
    FolderAudit(std::string folder, const TrustedKeys& keys, const AuditProgress& progress)
        : folder_(std::move(folder)), keys_(keys), progress_(progress) {}
    Result<Audit> run();

  private:
    Result<Done> begin();
    void check_range();
    void check_requests();
    void check_request(const std::string& name);
    void check_decision(const RequestFile& file, const CheckedCase& checked);
    void check_statement(const std::string& where, const std::string& expected);
    void check_proof(const std::string& where, const app::LoggedLeaf& leaf);
    void check_all_there();
    // The bodies of a bundle, proven to be leaves of the checkpoint's tree; null: they are not.
    const std::vector<std::string>* bundle(std::int64_t index);
    std::optional<std::vector<std::string>> proven_bundle(std::int64_t index);
    const std::string* leaf(std::int64_t index);
    tlog::TileReader tiles() const;

    std::string folder_;
    const TrustedKeys& keys_;
    const AuditProgress& progress_;
    Audit audit_;
    Successions successions_;
    std::string origin_;
    std::optional<tlog::NoteKey> log_key_;
    tlog::TreeHead head_;
    std::int64_t first_ = 0;
    std::int64_t end_ = 0;
    bool complete_ = false;
    std::map<std::int64_t, std::optional<std::vector<std::string>>> bundles_;
    std::deque<std::int64_t> bundles_in_order_;
    std::set<std::string> requests_;  // ids that have a file
};

Result<Done> FolderAudit::begin() {
    auto manifest = read_document(folder_ + "/manifest.json");
    if (!manifest) return pass(manifest);
    if ((*manifest)["format"].text() != "countersign-export/v1")
        return fail(Trouble::invalid_input, fmt::format("{} is no export of this version", visible(folder_)));
    origin_ = (*manifest)["origin"].text();
    first_ = (*manifest)["first"].whole();
    end_ = (*manifest)["end"].whole();
    complete_ = (*manifest)["complete"].truth();
    auto note = read_whole(folder_ + "/log/checkpoint");
    if (!note) return pass(note);
    for (const auto& key : keys_.log) {
        auto checkpoint = tlog::open_checkpoint(*note, key);
        if (!checkpoint) continue;
        head_ = checkpoint->head;
        log_key_ = key;
        ++audit_.checkpoints;
    }
    if (!log_key_) audit_.found("log/checkpoint", "is not signed by the key of this log");
    if (log_key_ && (first_ < 0 || end_ < first_ || end_ > head_.size))
        audit_.found("manifest.json", "names events that the checkpoint does not cover");
    return Done{};
}

tlog::TileReader FolderAudit::tiles() const {
    return [this](const tlog::TileId& tile) { return read_whole(folder_ + "/log/" + tlog::path_of(tile)); };
}

std::optional<std::vector<std::string>> FolderAudit::proven_bundle(std::int64_t index) {
    int width = tlog::width_of(tlog::entries_level, index, head_.size);
    tlog::TileId id{tlog::entries_level, index, width};
    auto bytes = read_whole(folder_ + "/log/" + tlog::path_of(id));
    auto entries = bytes && width > 0 ? tlog::entries_in(*bytes, width) : std::nullopt;
    if (!entries) {
        audit_.found(tlog::path_of(id), bytes ? "is no bundle of entries" : "is missing");
        return std::nullopt;
    }
    tlog::TileId hashes{0, index, width};
    auto tile = tiles()(hashes);
    std::string expected;
    for (std::string_view entry : *entries) expected += as_text(tlog::leaf_hash(entry));
    if (!tile || *tile != expected) {
        audit_.found(tlog::path_of(id), "holds other entries than the log's tree");
        return std::nullopt;
    }
    // A proof of one leaf takes in every hash of its tile.
    std::int64_t first = index * tlog::tile_hashes;
    auto proof = tlog::prove_inclusion(first, head_.size, tlog::subtrees_in(head_.size, tiles()));
    if (!proof ||
        !tlog::verify_inclusion(first, head_.size, tlog::leaf_hash(entries->front()), *proof, head_.root)) {
        audit_.found(tlog::path_of(id), "is not in the tree that the checkpoint was signed of");
        return std::nullopt;
    }
    return std::vector<std::string>(entries->begin(), entries->end());
}

const std::vector<std::string>* FolderAudit::bundle(std::int64_t index) {
    auto known = bundles_.find(index);
    if (known == bundles_.end()) {
        if (bundles_in_order_.size() == bundles_kept) {
            bundles_.erase(bundles_in_order_.front());
            bundles_in_order_.pop_front();
        }
        known = bundles_.emplace(index, proven_bundle(index)).first;
        bundles_in_order_.push_back(index);
    }
    return known->second ? &*known->second : nullptr;
}

const std::string* FolderAudit::leaf(std::int64_t index) {
    if (index < 0 || index >= head_.size) return nullptr;
    const auto* entries = bundle(index / tlog::tile_hashes);
    auto place = static_cast<std::size_t>(index % tlog::tile_hashes);
    return entries && place < entries->size() ? &(*entries)[place] : nullptr;
}

void FolderAudit::check_statement(const std::string& where, const std::string& expected) {
    auto envelope = read_whole(folder_ + "/" + where);
    if (!envelope) return audit_.found(where, "is missing");
    auto payload = wire::open_envelope(*envelope, wire::statement_type, keys_.decision);
    if (!payload) return audit_.found(where, payload.error().detail);
    ++audit_.decisions;
    // What is signed must be what the request's own records come to, byte for byte.
    if (*payload != expected) audit_.found(where, "says something else than the request's records come to");
}

void FolderAudit::check_proof(const std::string& where, const app::LoggedLeaf& leaf) {
    auto text = read_whole(folder_ + "/" + where);
    if (!text) return audit_.found(where, "is missing");
    auto proof = tlog::parse_proof(*text);
    if (!proof) return audit_.found(where, proof.error().detail);
    if (proof->index != leaf.index) return audit_.found(where, "is of another leaf");
    auto proven = tlog::verify_proof(*proof, leaf.hash, *log_key_);
    if (!proven) audit_.found(where, proven.error().detail);
}

void FolderAudit::check_decision(const RequestFile& file, const CheckedCase& checked) {
    auto decided = wire::decided_part(*checked.c);
    if (!decided) return;
    std::string type = "request." + std::string(core::name_of(decided->ruling.state));
    for (std::size_t i = 0; i < checked.leaves.size(); ++i) {
        const auto& expected = checked.leaves[i];
        if (expected.version != decided->c.version() || expected.type != type) continue;
        auto logged = std::ranges::find_if(file.logged, [&](const app::LoggedLeaf& leaf) {
            return leaf.version == expected.version && leaf.type == type;
        });
        if (logged == file.logged.end()) return;
        std::string stem = "decisions/" + file.recorded.id.text();
        auto statement = wire::decision_statement(*decided, {origin_, logged->index, checked.bodies[i]});
        check_statement(stem + ".dsse.json", core::canonical(statement));
        auto leaf = expected;
        leaf.index = logged->index;
        check_proof(stem + ".tlog-proof", leaf);
    }
}

void FolderAudit::check_request(const std::string& name) {
    std::string where = "requests/" + name;
    auto text = read_whole(folder_ + "/" + where);
    auto file = text ? read_request_file(*text) : Result<RequestFile>(pass(text));
    if (!file) return audit_.found(where, file.error().detail);
    if (name != file->recorded.id.text() + ".json") return audit_.found(where, "is of another request");
    requests_.insert(file->recorded.id.text());
    ++audit_.requests;
    audit_.entries += static_cast<std::int64_t>(file->recorded.entries.size());
    auto checked = check_case(file->recorded);
    audit_.erased += checked.erased ? 1 : 0;
    for (auto& problem : checked.problems) audit_.found(where, std::move(problem));
    for (auto& logged : file->logged) {
        const auto* body = leaf(logged.index);
        if (!body) {
            audit_.found(where, fmt::format("event {} is not proven", logged.index));
            return;
        }
        logged.hash = tlog::leaf_hash(*body);
    }
    for (auto& problem : compare_leaves(checked, file->logged, {})) audit_.found(where, std::move(problem));
    if (checked.c) successions_.take(*checked.c, checked.erased);
    if (checked.c) check_decision(*file, checked);
}

void FolderAudit::check_requests() {
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& one : std::filesystem::directory_iterator(folder_ + "/requests", error))
        names.push_back(one.path().filename().string());
    std::ranges::sort(names);
    for (const auto& name : names) {
        check_request(name);
        if (progress_) progress_("requests", audit_.requests, static_cast<std::int64_t>(names.size()));
    }
}

// Every event of the range is there and proven, and every request that it tells of has its file.
void FolderAudit::check_range() {
    std::set<std::string> missing;
    for (std::int64_t index = first_; index < end_; ++index) {
        if (index == first_ || index % tlog::tile_hashes == 0) {
            if (!bundle(index / tlog::tile_hashes)) {
                index = (index / tlog::tile_hashes + 1) * tlog::tile_hashes - 1;
                continue;
            }
            if (progress_) progress_("events", index - first_, end_ - first_);
        }
        ++audit_.events;
        if (!complete_) continue;
        auto body = wire::parse_json(*leaf(index), {.bytes_max = tlog::entry_bytes_max});
        std::string request(body ? (*body)["request_id"].text() : std::string_view{});
        if (!request.empty() && !requests_.contains(request) && missing.insert(request).second)
            audit_.found("request " + request, fmt::format("is missing, though event {} tells of it", index));
    }
}

Result<Audit> FolderAudit::run() {
    auto begun = begin();
    if (!begun) return pass(begun);
    if (!log_key_) return std::move(audit_);  // nothing else can be proven
    check_requests();
    check_range();
    for (auto& problem : successions_.problems(false, core::end_of_time))
        audit_.found("requests/" + problem.request.text() + ".json", std::move(problem.text));
    return std::move(audit_);
}

}  // namespace

Result<TrustedKeys> read_keys(const std::string& path) {
    auto document = read_document(path);
    if (!document) return pass(document);
    TrustedKeys keys;
    if (const auto* all = (*document)["log"].items())
        for (const auto& one : *all)
            if (auto key = tlog::NoteKey::parse(one["vkey"].text())) keys.log.push_back(std::move(*key));
    if (const auto* all = (*document)["decision"].items())
        for (const auto& one : *all)
            if (auto key = public_key_from_pem(one["pem"].text())) keys.decision.push_back(std::move(*key));
    if (keys.log.empty() || keys.decision.empty())
        return fail(Trouble::invalid_input,
                    fmt::format("{} holds no key of a log, or none of decisions", visible(path)));
    return keys;
}

Result<Audit> audit_folder(const std::string& folder, const TrustedKeys& keys,
                           const AuditProgress& progress) {
    return FolderAudit(folder, keys, progress).run();
}

}  // namespace countersign::evidence
