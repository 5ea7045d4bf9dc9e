#include "http/gate.hpp"

#include <string>

#include "countersign/base/text.hpp"
#include "countersign/wire/token.hpp"

namespace countersign::http {
namespace {

std::unexpected<Failure> stranger(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}

}  // namespace

Result<app::Caller> Gate::admitted(const app::Token& token) const {
    if (token.revoked_at)
        return stranger("this token was revoked: ask an admin for a new one", "token_revoked");
    if (token.expires_at && *token.expires_at <= clock_.now())
        return stranger("this token has expired: ask an admin for a new one", "token_expired");
    return app::Caller{token};
}

Later<app::Caller> Gate::caller(const net::Fields& fields, Deadline deadline) {
    auto header = fields.find("Authorization");
    if (!header) co_return stranger("send a token as Authorization: Bearer csk_…", "token_missing");
    auto space = header->find(' ');
    bool bearer = space != std::string_view::npos && lower_ascii(header->substr(0, space)) == "bearer";
    if (!bearer || fields.count("Authorization") != 1)
        co_return stranger("send one token as Authorization: Bearer csk_…", "token_missing");
    auto text = trim(header->substr(space + 1));
    if (!wire::well_formed_token(text))
        co_return stranger(
            "this is not a token of ours: it starts with csk_ and was printed by "
            "`countersign token create`; look for a missing or changed character",
            "token_malformed");
    auto hash = wire::token_hash(text);
    if (auto it = known_.find(hash); it != known_.end() && clock_.now() - it->second.read_at < cache_age_max)
        co_return admitted(it->second.token);

    auto read_at = clock_.now();
    auto read = co_await tokens_.by_hash(hash, deadline);
    if (!read && read.error().trouble == Trouble::not_found)
        co_return stranger("this token is not known here: it may belong to another server", "token_unknown");
    if (!read) co_return pass(read);
    auto [it, fresh] = known_.insert_or_assign(hash, Known{std::move(*read), read_at});
    auto answer = admitted(it->second.token);
    if (fresh) order_.push_back(hash);
    if (order_.size() > cached_max) {
        known_.erase(order_.front());
        order_.pop_front();
    }
    co_return answer;
}

Result<Done> needs(const app::Caller& caller, app::Scope scope) {
    if (caller.token.has(scope)) return Done{};
    return fail(Trouble::forbidden,
                "this token lacks the scope \"" + std::string(name_of(scope)) +
                    "\": create one with --scope " + std::string(name_of(scope)),
                "scope_missing");
}

}  // namespace countersign::http
