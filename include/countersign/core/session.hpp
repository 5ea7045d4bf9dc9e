#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "countersign/core/entry.hpp"

// A session is an approval given beforehand: for whatever fits the pattern that the request shows, so often
// and so long. Nobody sees what is done under it before it is done.
namespace countersign::core {

inline constexpr std::uint32_t session_uses_max = 200;
inline constexpr Duration session_longest = std::chrono::hours{24};

// A request for a session asks to approve for so long, and so many uses, what fits it.
struct Session {
    Duration lasts{};
    std::uint32_t uses = 0;
    friend bool operator==(const Session&, const Session&) = default;
};

// Says whether the request asks for a session: its rules grant one, and it says for how many minutes. It
// lasts no longer than the rules let it. nullopt: it is a request like any other.
std::optional<Session> session_of(const Request& request, const Applied& applied);

// How often it was used, and whether it can be used again.
std::uint32_t uses_of(const Case& session);

// Says whether `wanted` is one of those that the session stands for: asked for by the very caller, for the
// same people, in the same environment, of the same action; the rules ask no more for it than for the
// session; its resource and every parameter fit what the session's request shows. There, in a text, `*`
// stands for anything; all else has to be the same, and nothing may be missing or added.
bool covers(const Case& session, const Request& wanted, const Applied& asked);

}  // namespace countersign::core
