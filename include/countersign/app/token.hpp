#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

// The tokens that callers of the API show, as far as they are ours.
namespace countersign::app {

enum class Scope : std::uint8_t { request, read, vote, subscribe, admin };
std::string_view name_of(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);

struct Token {
    core::TokenId id;
    std::string name;
    std::vector<Scope> scopes;
    std::optional<core::AccountId> owner;         // a person's name or an account
    std::vector<std::string> allow_actions;       // globs; empty: any
    std::vector<std::string> allow_environments;  // globs; empty: any
    core::Instant created_at;
    std::optional<core::Instant> expires_at;
    std::optional<core::Instant> revoked_at;
    std::string hint;                                // last four characters, for people
    std::optional<core::Instant> last_used_at = {};  // to the minute or so
    // A token that votes does so as the account whose owner said in a chat that it may.
    struct Confirmation {
        core::AccountId by{""};
        core::Instant at;
    };
    std::optional<Confirmation> confirmed = {};
    bool has(Scope scope) const;
};
// The event of an act on a token: whose it is, what it may do, and who did it.
AdminEvent token_event(AdminAct act, const Token& token, std::string_view by, core::Instant now,
                       rt::Entropy& entropy);

}  // namespace countersign::app
