#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "countersign/adapters/http.hpp"
#include "http/request_calls.hpp"
#include "http/router.hpp"

namespace countersign::http {

// What proves a decision: the signed statement, its place in the published log, and the log itself.
class EvidenceCalls {
  public:
    EvidenceCalls(const HttpSettings& settings, const app::Runtime& runtime, Parts parts, SigningKeys keys,
                  RequestCalls& requests)
        : settings_(settings), runtime_(runtime), parts_(parts), keys_(keys), requests_(requests) {}
    std::vector<Route> routes();

    // What proves a decision, in the forms that it is published in.
    struct Evidence {
        std::int64_t index = 0;
        std::string leaf;
        std::string proof;     // C2SP tlog-proof
        std::string envelope;  // DSSE; empty: not asked for
    };
    // conflict: undecided. unavailable: not_published, for a second or so.
    Later<Evidence> evidence_of(const core::Case& c, bool with_statement, Deadline deadline);
    std::string keys_text() const;  // /.well-known/countersign-keys.json

  private:
    static constexpr std::size_t tiles_bytes_max = 32 * 1'048'576;  // of tiles and bundles kept here

    Later<net::HttpResponse> decision(Call& call);
    Later<net::HttpResponse> proof(Call& call);
    rt::asio::awaitable<net::HttpResponse> checkpoint();
    rt::asio::awaitable<net::HttpResponse> tile(const net::PathArguments& arguments);
    net::HttpResponse keys() const;
    // Where the log has the event of the request's decision.
    struct DecidedLeaf;
    Later<DecidedLeaf> decided_leaf(const core::Case& c, Deadline deadline);
    Later<std::string> envelope_of(const DecidedLeaf& found);
    Later<std::string> proof_of(const app::TreeStore::Leaf& leaf, Deadline deadline);
    void remember(const tlog::TileId& tile, std::shared_ptr<const std::string> bytes);

    const HttpSettings& settings_;
    const app::Runtime& runtime_;
    Parts parts_;
    SigningKeys keys_;
    RequestCalls& requests_;
    // Full tiles never change. The oldest one goes when there are too many.
    std::map<tlog::TileId, std::shared_ptr<const std::string>> tiles_;
    std::deque<tlog::TileId> tiles_in_order_;
    std::size_t tiles_bytes_ = 0;
    std::string checkpoint_;  // as it was read a moment ago
    core::Instant checkpoint_read_at_{};
};

// RFC 7517 set of the keys that grants are, or were, signed with.
core::Value key_set(const std::vector<PublishedKey>& keys);

}  // namespace countersign::http
