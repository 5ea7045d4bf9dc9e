#pragma once
#include <cstdint>
#include <string>

#include "countersign/core/ids.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"
#include "countersign/rt/later.hpp"

// What of a request was put before whom. What was not shown cannot be approved, and whoever has read all of
// something long need not page through it again.
namespace countersign::app {

struct Shown {
    enum class What : std::uint8_t {
        essence,   // the card alone, with the question whether to approve
        full_view  // page by page
    };
    core::RequestId request;
    core::AccountId account{""};  // in full form
    What what = What::essence;
    core::Surface chat = core::Surface::slack;  // chats have pages of their own
    std::string digest;                         // of the request
    std::int32_t version = 0;                   // of the request, as it was shown last
    std::int32_t seen = 1;                      // pages, from the first on, one after the other
    std::int32_t pages = 1;                     // so many there are
    core::Instant at{};                         // when it was shown last
    bool all() const { return pages > 0 && seen == pages; }
    friend bool operator==(const Shown&, const Shown&) = default;
};
std::string_view name_of(Shown::What what);  // "essence", "full_view"

// Kept so long after it was last shown; whoever comes later pages through it again. Longer than most requests
// are open.
inline constexpr std::size_t shown_gone_at_once = 100;
inline constexpr core::Duration shown_kept = std::chrono::hours{24 * 30};

class ShownStore {
  public:
    virtual ~ShownStore() = default;
    // What was seen before of the same digest and as many pages stays seen. Answers with what is on record
    // now. Each put takes up to shown_gone_at_once rows away that are older than shown_kept.
    virtual Later<Shown> put(Shown shown, Deadline deadline) = 0;
    // not_found: nothing was, or it is gone since. corrupt: somebody else wrote the row.
    virtual Later<Shown> find(core::RequestId request, core::AccountId account, Shown::What what,
                              core::Surface chat, Deadline deadline) = 0;
};

}  // namespace countersign::app
