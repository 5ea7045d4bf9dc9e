#include "countersign/tokens/issuer_keys.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::tokens {
namespace {

constexpr std::size_t discovery_nesting_max = 8;
constexpr std::string_view discovery_path = "/.well-known/openid-configuration";

}  // namespace

bool private_enough(std::string_view text) {
    auto url = net::parse_url(text);
    return url && url->secure();
}

std::optional<core::Duration> max_age_of(const net::Fields& fields) {
    auto header = fields.find("Cache-Control");
    if (!header) return std::nullopt;
    constexpr std::string_view name = "max-age=";
    for (const auto& item : split(lower_ascii(*header), ',')) {
        auto directive = trim(item);
        if (!directive.starts_with(name)) continue;
        directive.remove_prefix(name.size());
        std::uint32_t seconds = 0;
        auto [end, ec] = std::from_chars(directive.data(), directive.data() + directive.size(), seconds);
        if (ec == std::errc{} && end == directive.data() + directive.size())
            return std::chrono::seconds{seconds};
    }
    return std::nullopt;
}

std::unexpected<Failure> IssuerKeys::unreachable(const std::string& why) const {
    return fail(Trouble::unavailable, "the keys of " + visible(source_.issuer) + " cannot be had now: " + why,
                "issuer_unreachable");
}

IssuerKeys::IssuerKeys(KeySource source, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
                       rt::asio::any_io_executor executor)
    : source_(std::move(source)),
      client_(client),
      clock_(clock),
      timers_(timers),
      fetched_(std::move(executor)) {
    if (source_.jwks.empty()) return;
    auto keys = wire::read_key_set(source_.jwks);
    if (keys) take(std::move(*keys), age_max);
}

IssuerKeys::Key IssuerKeys::known(const std::optional<std::string>& id, JoseAlgorithm algorithm) const {
    Key found;
    for (const auto& key : keys_) {
        if (key->key.algorithm() != algorithm) continue;
        if (id && key->id == *id) return key;
        if (!id && found) return {};  // the token does not say which of them
        if (!id) found = key;
    }
    return found;
}

Later<IssuerKeys::Key> IssuerKeys::find(std::optional<std::string> id, JoseAlgorithm algorithm,
                                        Deadline deadline) {
    for (;;) {
        auto now = clock_.now();
        auto key = known(id, algorithm);
        bool fixed = !source_.jwks.empty();
        bool fresh = fixed || (good_until_ && now < *good_until_);
        if (key && fresh) co_return key;
        bool usable = key && now < *good_until_ + stale_max;
        if (fetching_) {
            if (usable) co_return key;
            bool woken = co_await fetched_.wait_until(timers_, deadline.at);
            if (!woken) co_return unreachable("its answer takes too long");
            continue;
        }
        bool again = !fixed && (!last_try_ || now - *last_try_ >= fetch_floor);
        if (again) {
            auto fetched = co_await fetch(deadline);
            if (!fetched) log::warn("tokens", "{}", fetched.error().detail);
            continue;
        }
        if (usable) co_return key;
        bool none = !fixed && (!good_until_ || now >= *good_until_ + stale_max);
        if (none && problem_) co_return std::unexpected(*problem_);
        if (none) co_return unreachable("try again in half a minute");
        co_return fail(Trouble::unauthenticated,
                       "the token was signed with a key that its issuer does not publish",
                       "oidc_key_unknown");
    }
}

Later<Done> IssuerKeys::fetch(Deadline deadline) {
    struct Flight {
        IssuerKeys& keys;
        explicit Flight(IssuerKeys& of) : keys(of) { keys.fetching_ = true; }
        ~Flight() {
            keys.fetching_ = false;
            keys.fetched_.notify_all();
        }
    } flight{*this};
    last_try_ = clock_.now();
    Deadline patience{std::min(deadline.at, clock_.now() + fetch_patience)};
    auto fetched = co_await fetch_set(patience);
    problem_ = fetched ? std::nullopt : std::optional{fetched.error()};
    co_return fetched;
}

Later<Done> IssuerKeys::fetch_set(Deadline deadline) {
    auto address = source_.jwks_uri;
    if (address.empty()) {
        auto found = co_await discover(deadline);
        if (!found) co_return pass(found);
        address = std::move(*found);
    }
    auto answer = co_await get(address, deadline);
    if (!answer) co_return pass(answer);
    auto keys = wire::read_key_set(answer->body);
    if (!keys) co_return unreachable(keys.error().detail);
    take(std::move(*keys), max_age_of(answer->fields).value_or(age_default));
    log::info("tokens", "{} key(s) of {}", keys_.size(), visible(source_.issuer));
    co_return Done{};
}

Later<std::string> IssuerKeys::discover(Deadline deadline) {
    auto metadata = source_.metadata_url;
    if (metadata.empty()) {
        // A slash at the end is not doubled (OpenID Connect Discovery 1.0 §4.1).
        auto base = std::string_view(source_.issuer);
        if (base.ends_with('/')) base.remove_suffix(1);
        metadata = std::string(base) + std::string(discovery_path);
    }
    auto answer = co_await get(std::move(metadata), deadline);
    if (!answer) co_return pass(answer);
    auto document = wire::parse_json(
        answer->body,
        {.bytes_max = wire::key_set_bytes_max, .nesting_max = discovery_nesting_max, .strict = true});
    if (!document) co_return unreachable("its discovery document is not JSON");
    // Otherwise one issuer could speak for another (OpenID Connect Discovery 1.0 §4.3).
    if ((*document)["issuer"].text() != source_.issuer)
        co_return unreachable("its discovery document is of another issuer");
    // What a document says is a stranger's word: this machine is meant only where the settings say so, which
    // they do of the server that they name for the document itself.
    auto address = (*document)["jwks_uri"].text();
    auto url = net::parse_url(address);
    auto named = net::parse_url(source_.metadata_url);
    const bool same_server = url && named && url->origin() == named->origin();
    if (!url || (url->scheme != "https" && !same_server))
        co_return unreachable("its discovery document names no jwks_uri with https");
    co_return std::string(address);
}

Later<net::HttpResponse> IssuerKeys::get(std::string address, Deadline deadline) {
    auto url = net::parse_url(address);
    if (!url) co_return unreachable(url.error().detail);
    net::HttpRequest request{.method = "GET", .target = url->target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Accept", "application/json");
    auto answer = co_await client_.send(*url, std::move(request), deadline);
    if (!answer) co_return unreachable(answer.error().detail);
    if (answer->status != 200)
        co_return unreachable(visible(url->origin()) + " answered with status " +
                              std::to_string(answer->status));
    co_return answer;
}

void IssuerKeys::take(std::vector<wire::PublishedKey> keys, core::Duration good_for) {
    keys_.clear();
    for (auto& key : keys) keys_.push_back(std::make_shared<const wire::PublishedKey>(std::move(key)));
    good_until_ = clock_.now() + std::clamp(good_for, age_min, age_max);
}

}  // namespace countersign::tokens
