#include "http/gate.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/wire/token.hpp"
#include "http/input.hpp"

namespace countersign::http {
namespace {

constexpr core::Duration uses_patience{std::chrono::seconds{5}};
constexpr std::size_t uses_per_write_max = 500;
constexpr std::size_t note_chars_max = 300;

std::unexpected<Failure> stranger(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}

std::unexpected<Failure> later(std::string detail, std::string code, core::Instant when) {
    Failure failure{Trouble::overloaded, std::move(detail), std::move(code), {}};
    failure.not_before = when;
    return std::unexpected(std::move(failure));
}

// Whose address says nothing of who they are: a proxy before us, or somebody who is inside already.
bool on_this_machine(std::string_view peer) {
    return peer.starts_with("127.") || peer == "::1" || peer.starts_with("::ffff:127.");
}

}  // namespace

Gate::Gate(Settings settings, app::TokenStore& tokens, app::WorkloadIdentity& workloads,
           const app::Runtime& runtime)
    : settings_(std::move(settings)),
      tokens_(tokens),
      workloads_(workloads),
      runtime_(runtime),
      calls_(static_cast<double>(settings_.requests_per_minute),
             static_cast<double>(settings_.requests_per_minute)) {}

Result<app::Caller> Gate::admitted(const app::Token& token) const {
    if (token.revoked_at)
        return stranger("this token (" + token.id.text() + ") was revoked: ask an admin for a new one",
                        "token_revoked");
    if (token.expires_at && *token.expires_at <= runtime_.now())
        return stranger("this token (" + token.id.text() + ") has expired: ask an admin for a new one",
                        "token_expired");
    return app::Caller{.token = token};
}

Later<app::Caller> Gate::caller(const net::HttpRequest& request, Deadline deadline) {
    auto known = co_await identify(request.fields, deadline);
    auto now = runtime_.now();
    if (!known) co_return std::unexpected(turned_away(request, std::move(known).error()));
    if (settings_.requests_per_minute > 0) {
        if (auto next = calls_.take(known->token.id.text(), now))
            co_return later("this token may make " + std::to_string(settings_.requests_per_minute) +
                                " calls a minute: wait as long as Retry-After says",
                            "rate_limited", *next);
    }
    if (!known->workload && !known->only) uses_[known->token.id] = now;
    co_return known;
}

Later<Done> Gate::may_enter(const net::HttpRequest& head, Deadline deadline) {
    auto known = co_await identify(head.fields, deadline);
    if (!known) co_return std::unexpected(turned_away(head, std::move(known).error()));
    co_return Done{};
}

Failure Gate::turned_away(const net::HttpRequest& request, Failure why) {
    bool refused = why.trouble == Trouble::unauthenticated || why.trouble == Trouble::forbidden;
    if (!refused) return why;
    auto now = runtime_.now();
    if (noted_.take("all", now)) {
        ++unnoted_;
    } else {
        auto others = unnoted_ > 0 ? " (and " + std::to_string(unnoted_) + " more since the last line)" : "";
        log::warn("http", "turned away a call from {}: {}, {}{}", visible(request.peer), why.code,
                  visible(clip_utf8(why.detail, note_chars_max)), others);
        unnoted_ = 0;
    }
    bool counts = why.trouble == Trouble::unauthenticated && !on_this_machine(request.peer);
    auto next = counts ? failures_.take(request.peer, now) : std::nullopt;
    if (!next) return why;
    return later("too many calls without a good token came from this address; " + why.detail,
                 "too_many_failures", *next)
        .error();
}

Later<app::Caller> Gate::again(app::Caller caller, const net::HttpRequest& request, Deadline deadline) {
    if (caller.only) co_return caller;
    if (!caller.workload) co_return co_await identify(request.fields, deadline);
    // Its signature was good, and nobody takes such a token back: it runs out.
    if (runtime_.now() >= caller.workload->expires_at)
        co_return stranger("the token has run out: go on with the access_token of the request",
                           "oidc_expired");
    co_return caller;
}

Later<app::Caller> Gate::identify(const net::Fields& fields, Deadline deadline) {
    auto header = fields.find("Authorization");
    if (!header) co_return stranger("send a token as Authorization: Bearer csk_…", "token_missing");
    auto space = header->find(' ');
    bool bearer = space != std::string_view::npos && lower_ascii(header->substr(0, space)) == "bearer";
    if (!bearer || fields.count("Authorization") != 1)
        co_return stranger("send one token as Authorization: Bearer csk_…", "token_missing");
    auto text = trim(header->substr(space + 1));
    if (text.starts_with(wire::access_token_prefix)) {
        auto request = wire::read_access_token(settings_.access_key, text);
        if (!request)
            co_return stranger(
                "this is not an access token of this server: look for a missing or changed character",
                "token_malformed");
        co_return app::caller_of(*request);
    }
    bool signed_elsewhere = !text.starts_with(wire::token_prefix) && std::ranges::count(text, '.') == 2;
    if (signed_elsewhere) {
        auto workload = co_await workloads_.identify(text, deadline);
        if (!workload) co_return pass(workload);
        co_return app::caller_of(std::move(*workload));
    }
    co_return co_await holder(text, deadline);
}

Later<app::Caller> Gate::holder(std::string_view text, Deadline deadline) {
    if (!wire::well_formed_token(text))
        co_return stranger(
            "this is not a token of ours: it starts with csk_ and was printed by "
            "`countersign token create`; look for a missing or changed character",
            "token_malformed");
    auto token = co_await look_up(wire::token_hash(text), deadline);
    if (!token && token.error().trouble == Trouble::not_found)
        co_return stranger("this token is not known here: it may belong to another server", "token_unknown");
    if (!token) co_return pass(token);
    co_return admitted(*token);
}

Later<app::Token> Gate::look_up(Sha256 hash, Deadline deadline) {
    if (auto it = known_.find(hash);
        it != known_.end() && runtime_.now() - it->second.read_at < cache_age_max)
        co_return it->second.token;
    if (auto it = reading_.find(hash); it != reading_.end()) {
        auto reading = it->second;
        bool over = co_await reading->over.wait_until(runtime_.timers, deadline.at);
        if (!over || !reading->answer)
            co_return fail(Trouble::unavailable, "the token could not be looked up");
        co_return *reading->answer;
    }
    auto executor = co_await rt::asio::this_coro::executor;
    struct Turn {
        Gate& gate;
        const Sha256& hash;
        std::shared_ptr<Reading> reading;
        ~Turn() {
            gate.reading_.erase(hash);
            reading->over.notify_all();
        }
    } turn{*this, hash, std::make_shared<Reading>(executor)};
    reading_.emplace(hash, turn.reading);
    auto read_at = runtime_.now();
    auto read = co_await tokens_.by_hash(hash, deadline);
    if (read) remember(hash, *read, read_at);
    turn.reading->answer = read;
    co_return read;
}

void Gate::remember(const Sha256& hash, const app::Token& token, core::Instant read_at) {
    auto [it, fresh] = known_.insert_or_assign(hash, Known{token, read_at});
    if (fresh) order_.push_back(hash);
    if (order_.size() <= cached_max) return;
    known_.erase(order_.front());
    order_.pop_front();
}

rt::asio::awaitable<void> Gate::note_uses() {
    for (;;) {
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + uses_every);
        if (cancelled) co_return;
        auto written = co_await write_uses();
        if (!written) log::debug("http", "uses of tokens are noted later: {}", written.error().detail);
    }
}

Later<Done> Gate::write_uses() {
    while (!uses_.empty()) {
        std::vector<std::pair<core::TokenId, core::Instant>> some;
        auto end = uses_.begin();
        for (; end != uses_.end() && some.size() < uses_per_write_max; ++end) some.emplace_back(*end);
        uses_.erase(uses_.begin(), end);
        auto kept = some;
        auto written = co_await tokens_.used(std::move(some), runtime_.within(uses_patience));
        if (written) continue;
        for (auto& use : kept) uses_.insert(use);
        co_return written;
    }
    co_return Done{};
}

Result<Done> needs(const app::Caller& caller, app::Scope scope) {
    if (caller.token.has(scope)) return Done{};
    if (caller.workload || caller.only)
        return fail(
            Trouble::forbidden,
            "a workload's token may only file requests and see to its own: for anything else, create a token "
            "with `countersign token create --scope " +
                std::string(name_of(scope)) + "`",
            "scope_missing");
    return fail(Trouble::forbidden,
                "this token lacks the scope \"" + std::string(name_of(scope)) +
                    "\": create one with --scope " + std::string(name_of(scope)),
                "scope_missing");
}

namespace {

// A person's name or an account, of a parameter in which "me" is the token's owner.
Result<core::AccountId> named_in(std::string_view parameter, std::string name, const app::Caller& caller,
                                 const core::Directory& directory) {
    if (name == "me") {
        if (!caller.token.owner)
            return fail(
                Trouble::invalid_input,
                std::string(parameter) + "=me is the token's owner, and this token has none; name a person",
                "no_owner");
        name = caller.token.owner->text();
    }
    auto person = core::read_person(name, directory.policy());
    if (!person) return bad_query(parameter, person.error().detail);
    return person;
}

}  // namespace

Result<std::optional<core::PersonId>> voter_of(const std::optional<std::string>& voter,
                                               const app::Caller& caller, const core::Directory& directory) {
    if (!voter) return std::nullopt;
    auto named = named_in("voter", *voter, caller, directory);
    if (!named) return pass(named);
    if (named->text().find(':') != std::string::npos) return directory.person_of(*named);
    return core::PersonId{named->text()};
}

Result<std::vector<core::AccountId>> approvers_of(const std::optional<std::string>& approver,
                                                  const app::Caller& caller,
                                                  const core::Directory& directory) {
    if (!approver) return std::vector<core::AccountId>{};
    auto person = named_in("approver", *approver, caller, directory);
    if (!person) return pass(person);
    if (person->text().find(':') != std::string::npos) return std::vector{std::move(*person)};
    return directory.accounts_of(core::PersonId{person->text()});
}

}  // namespace countersign::http
