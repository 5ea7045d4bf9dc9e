#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/net/http_client.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/later.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/wire/jose.hpp"

namespace countersign::tokens {

// Whose tokens are believed, and where the public keys for them are.
struct KeySource {
    std::string issuer;        // exactly as tokens have it in `iss`, and the metadata in `issuer`
    std::string metadata_url;  // empty: OpenID Connect Discovery 1.0 §4, below the issuer
    std::string jwks_uri;      // empty: as the metadata say
    std::string jwks;          // the set itself, for issuers that cannot be reached; empty: fetched
};

// Says whether keys may be fetched from there: over https, or over http from this very machine.
bool private_enough(std::string_view url);

// Holds the public keys of one issuer. They are fetched when first needed, kept as long as their answer says
// (within bounds), and fetched again for a key id that is not among them, but never more often than
// `fetch_floor`: made-up key ids must not make us a burden to the issuer. While it cannot be reached, the
// known keys stay in use for `stale_max`.
class IssuerKeys {
  public:
    static constexpr core::Duration fetch_floor{std::chrono::seconds{30}};
    static constexpr core::Duration fetch_patience{std::chrono::seconds{5}};
    static constexpr core::Duration age_min{std::chrono::minutes{5}};
    static constexpr core::Duration age_default{std::chrono::hours{1}};
    static constexpr core::Duration age_max{std::chrono::hours{24}};
    static constexpr core::Duration stale_max{std::chrono::hours{4}};

    IssuerKeys(KeySource source, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
               rt::asio::any_io_executor executor);
    // It is shared because a set may be replaced while one of its keys is in use.
    using Key = std::shared_ptr<const wire::PublishedKey>;
    // Returns the key with this id, or the only one of the algorithm where the token names none. Fails with
    // unauthenticated (oidc_key_unknown), or with unavailable (issuer_unreachable) where no keys could be
    // fetched yet.
    Later<Key> find(std::optional<std::string> id, JoseAlgorithm algorithm, Deadline deadline);

  private:
    Key known(const std::optional<std::string>& id, JoseAlgorithm algorithm) const;
    Later<Done> fetch(Deadline deadline);
    Later<Done> fetch_set(Deadline deadline);
    Later<std::string> discover(Deadline deadline);
    Later<net::HttpResponse> get(std::string address, Deadline deadline);
    void take(std::vector<wire::PublishedKey> keys, core::Duration good_for);

    std::unexpected<Failure> unreachable(const std::string& why) const;

    KeySource source_;
    net::HttpClient& client_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::Signal fetched_;
    std::vector<Key> keys_;
    std::optional<core::Instant> good_until_;  // absent before the first fetch
    std::optional<core::Instant> last_try_;
    std::optional<Failure> problem_;  // what went wrong at the last try
    bool fetching_ = false;
};

// Reads "public, max-age=300" as five minutes; nullopt where the fields say nothing of it.
std::optional<core::Duration> max_age_of(const net::Fields& fields);

}  // namespace countersign::tokens
