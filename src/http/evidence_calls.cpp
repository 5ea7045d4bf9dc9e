#include "http/evidence_calls.hpp"

#include <chrono>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/decision.hpp"
#include "countersign/wire/dsse.hpp"
#include "countersign/wire/problem.hpp"
#include "http/signed_by.hpp"

namespace countersign::http {
namespace {

using core::Value;

constexpr core::Duration log_patience{std::chrono::seconds{5}};
constexpr core::Duration checkpoint_kept{std::chrono::milliseconds{200}};
constexpr std::string_view forever = "public, max-age=31536000, immutable";
// A tile that is not full may be read under the same path as long as its checkpoint is of use, and never
// changes.
constexpr std::string_view for_a_moment = "public, max-age=1";

net::HttpResponse log_answer(unsigned status, std::string body, std::string_view type,
                             std::string_view cache) {
    net::HttpResponse response;
    response.status = status;
    response.fields.add("Content-Type", std::string(type));
    response.fields.add("Cache-Control", std::string(cache));
    // Anybody's page may check the log in a reader's browser.
    response.fields.add("Access-Control-Allow-Origin", "*");
    response.body = std::move(body);
    return response;
}

net::HttpResponse log_problem(const Failure& failure) {
    auto status = wire::status_of(failure);
    auto response = json_answer(status, core::canonical(wire::problem_document(status, failure)),
                                "application/problem+json");
    if (status == 503) response.fields.add("Retry-After", "1");
    return response;
}

Failure closed_log() {
    return {Trouble::not_found, "this server's log is not public (`log.public`)", "log_closed", {}};
}

// What comes a moment later is no reason to look elsewhere.
Failure soon(Failure failure) {
    if (failure.code == "not_published") failure.trouble = Trouble::unavailable;
    return failure;
}

Value jwk_of(const PublishedKey& key) {
    auto jwk = Value::object({{"kty", "OKP"},
                              {"crv", "Ed25519"},
                              {"x", base64url(key.key.bytes)},
                              {"kid", ed25519_thumbprint(ed25519_of(key.key))},
                              {"use", "sig"}});
    return jwk;
}

}  // namespace

Value key_set(const std::vector<PublishedKey>& keys) {
    auto set = Value::array();
    for (const auto& key : keys) set.push(jwk_of(key));
    return Value::object({{"keys", std::move(set)}});
}

struct EvidenceCalls::DecidedLeaf {
    wire::Decided decided;
    app::TreeStore::Leaf leaf;
};

std::vector<Route> EvidenceCalls::routes() {
    using Answer = rt::asio::awaitable<net::HttpResponse>;
    OpenHandler newest = [this](net::HttpExchange&, const net::PathArguments&) -> Answer {
        return checkpoint();
    };
    OpenHandler one_tile = [this](net::HttpExchange&, const net::PathArguments& arguments) -> Answer {
        return tile(arguments);
    };
    OpenHandler all_keys = [this](net::HttpExchange&, const net::PathArguments&) -> Answer {
        co_return keys();
    };
    return {{"GET", "/v1/requests/{id}/decision", [this](Call& call) { return decision(call); }},
            {"GET", "/v1/requests/{id}/proof", [this](Call& call) { return proof(call); }},
            {"GET", "/log/checkpoint", std::move(newest)},
            {"GET", "/log/tile/{path+}", std::move(one_tile)},
            {"GET", "/.well-known/countersign-keys.json", std::move(all_keys)}};
}

Later<EvidenceCalls::DecidedLeaf> EvidenceCalls::decided_leaf(const core::Case& c, Deadline deadline) {
    auto decided = wire::decided_part(c);
    if (!decided)
        co_return fail(Trouble::conflict, "nothing is decided yet: wait for the request to leave `pending`",
                       "undecided");
    std::string type = "request." + std::string(core::name_of(decided->ruling.state));
    auto leaf =
        co_await parts_.tree.leaf_of(decided->c.request->id, decided->c.version(), std::move(type), deadline);
    if (!leaf) co_return std::unexpected(soon(std::move(leaf).error()));
    co_return DecidedLeaf{std::move(*decided), std::move(*leaf)};
}

Later<std::string> EvidenceCalls::envelope_of(const DecidedLeaf& found) {
    wire::LogPosition position{settings_.log_origin, found.leaf.index, found.leaf.body};
    auto envelope = co_await signed_by<std::string>(
        keys_.bench, keys_.decision,
        [payload = core::canonical(wire::decision_statement(found.decided, position))](const Signer& signer) {
            return wire::envelope_of(payload, wire::statement_type, signer);
        });
    co_return envelope;
}

Later<std::string> EvidenceCalls::proof_of(const app::TreeStore::Leaf& leaf, Deadline deadline) {
    auto included = co_await parts_.tree.prove(settings_.log_origin, leaf.index, deadline);
    if (!included) co_return std::unexpected(soon(std::move(included).error()));
    tlog::InclusionProof file{leaf.body, leaf.index, std::move(included->hashes),
                              std::move(included->checkpoint)};
    co_return tlog::text_of(file);
}

Later<net::HttpResponse> EvidenceCalls::decision(Call& call) {
    auto now = co_await requests_.readable(call);
    if (!now) co_return pass(now);
    auto found = co_await decided_leaf((*now)->c, call.deadline);
    if (!found) co_return pass(found);
    auto envelope = co_await envelope_of(*found);
    if (!envelope) co_return pass(envelope);
    co_return json_answer(200, std::move(*envelope), "application/vnd.dsse.envelope.v1+json");
}

Later<net::HttpResponse> EvidenceCalls::proof(Call& call) {
    auto now = co_await requests_.readable(call);
    if (!now) co_return pass(now);
    auto found = co_await decided_leaf((*now)->c, call.deadline);
    if (!found) co_return pass(found);
    auto file = co_await proof_of(found->leaf, call.deadline);
    if (!file) co_return pass(file);
    auto response = json_answer(200, std::move(*file), "text/plain; charset=utf-8");
    response.fields.add("Content-Disposition",
                        "inline; filename=\"" + found->decided.c.request->id.text() + ".tlog-proof\"");
    co_return response;
}

Later<EvidenceCalls::Evidence> EvidenceCalls::evidence_of(const core::Case& c, bool with_statement,
                                                          Deadline deadline) {
    auto found = co_await decided_leaf(c, deadline);
    if (!found) co_return pass(found);
    auto proof = co_await proof_of(found->leaf, deadline);
    if (!proof) co_return pass(proof);
    Evidence evidence{found->leaf.index, found->leaf.body, std::move(*proof), {}};
    if (!with_statement) co_return evidence;
    auto envelope = co_await envelope_of(*found);
    if (!envelope) co_return pass(envelope);
    evidence.envelope = std::move(*envelope);
    co_return evidence;
}

rt::asio::awaitable<net::HttpResponse> EvidenceCalls::checkpoint() {
    if (!settings_.log_open) co_return log_problem(closed_log());
    if (checkpoint_.empty() || runtime_.now() - checkpoint_read_at_ > checkpoint_kept) {
        auto note =
            co_await parts_.tree.newest_checkpoint(settings_.log_origin, runtime_.within(log_patience));
        if (!note) co_return log_problem(soon(std::move(note).error()));
        checkpoint_ = std::move(*note);
        checkpoint_read_at_ = runtime_.now();
    }
    co_return log_answer(200, checkpoint_, "text/plain; charset=utf-8", for_a_moment);
}

rt::asio::awaitable<net::HttpResponse> EvidenceCalls::tile(const net::PathArguments& arguments) {
    if (!settings_.log_open) co_return log_problem(closed_log());
    auto id = tlog::parse_tile_path("tile/" + arguments.front());
    if (!id)
        co_return log_problem(
            {Trouble::not_found, "this is no path of a tile: see C2SP tlog-tiles", "no_such_tile", {}});
    constexpr std::string_view bytes = "application/octet-stream";
    auto known = tiles_.find(*id);
    if (known != tiles_.end()) co_return log_answer(200, *known->second, bytes, forever);
    auto read = co_await parts_.tree.tile(*id, runtime_.within(log_patience));
    if (!read) co_return log_problem(read.error());
    // Shared with the answers that are under way when it is let go.
    auto kept = std::make_shared<const std::string>(std::move(*read));
    if (id->width == tlog::tile_hashes) remember(*id, kept);
    co_return log_answer(200, *kept, bytes, forever);
}

void EvidenceCalls::remember(const tlog::TileId& tile, std::shared_ptr<const std::string> bytes) {
    auto [place, fresh] = tiles_.emplace(tile, std::move(bytes));
    if (!fresh) return;
    tiles_in_order_.push_back(tile);
    tiles_bytes_ += place->second->size();
    while (tiles_bytes_ > tiles_bytes_max) {
        auto oldest = tiles_.find(tiles_in_order_.front());
        tiles_in_order_.pop_front();
        tiles_bytes_ -= oldest->second->size();
        tiles_.erase(oldest);
    }
}

net::HttpResponse EvidenceCalls::keys() const {
    return log_answer(200, keys_text(), "application/json", "public, max-age=300");
}

std::string EvidenceCalls::keys_text() const {
    return core::canonical(keys_document(settings_.public_keys, settings_.log_origin));
}

Value keys_document(const PublicKeys& keys, const std::string& origin) {
    auto listed = [](const std::vector<PublishedKey>& all, const auto& describe) {
        auto list = Value::array();
        for (const auto& key : all) {
            Value one = describe(key);
            if (!key.until.empty()) one.set("validUntil", key.until);
            list.push(std::move(one));
        }
        return list;
    };
    auto log_key = [&](const PublishedKey& key) {
        tlog::NoteKey verifier;
        verifier.name = origin;
        verifier.key = ed25519_of(key.key);
        return Value::object({{"vkey", verifier.text()}});
    };
    auto statement_key = [](const PublishedKey& key) {
        return Value::object({{"keyid", wire::statement_key_id(key.key)}, {"pem", pem_of(key.key)}});
    };
    return Value::object({{"log", listed(keys.log, log_key)},
                          {"decision", listed(keys.decision, statement_key)},
                          {"grant", listed(keys.grant, jwk_of)}});
}

}  // namespace countersign::http
