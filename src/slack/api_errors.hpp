#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign::slack {

// What a Web API error word asks of us.
enum class ApiError : std::uint8_t {
    credential,     // the token or the app's settings are wrong: people must act
    missing_scope,  // the token lacks a scope: people must act
    our_bug,        // the arguments were malformed: never retried
    rate_limited,
    transient,    // nothing happened: try again
    ambiguous,    // it may have happened
    gone,         // the message, person or group does not exist
    channel,      // this channel cannot be written to: people must act
    stale_click,  // the trigger of a click was used up or too old
    refused,      // refused for good, for another reason
    unknown,      // a word we do not know: treated as transient
};
ApiError classify(std::string_view word);

// A failure for an `ok: false`. `code` is Slack's own word. `changes`: the method has effects, so an
// ambiguous answer leaves open whether they happened.
Failure failure_of(std::string_view method, std::string_view word, std::string_view needed, bool changes);

// What people must do about a credential or scope problem of `setting` ("slack.bot_token"); empty: nothing.
std::string_view token_needed(std::string_view setting);  // which token, and where to get it
std::string advice(std::string_view setting, std::string_view word, std::string_view needed);

}  // namespace countersign::slack
