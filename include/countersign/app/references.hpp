#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"
#include "countersign/rt/later.hpp"

// Where a chat's service says that its conversations are reached. Chats whose service has one address for all
// need none of this.
namespace countersign::app {

inline constexpr std::size_t conversation_bytes_max = 500;
inline constexpr std::size_t service_url_bytes_max = 500;

struct ConversationReference {
    core::Surface chat = core::Surface::teams;
    std::string conversation;  // its id; of a channel that of the channel, not of one of its threads
    std::string service_url;
    std::string tenant;
    std::string user;       // whose own conversation with us it is, as accounts name them; empty: of several
    std::string chat_user;  // the same person, as the service wants to be told of them
    bool gone = false;      // we were taken out of it: there is nothing to send there
    core::Instant heard_at{};
    friend bool operator==(const ConversationReference&, const ConversationReference&) = default;
};

// References as they were last heard of, shared by all replicas.
class ReferenceStore {
  public:
    virtual ~ReferenceStore() = default;
    // Fails with not_found: nothing was ever heard from it.
    virtual Later<ConversationReference> find(core::Surface chat, std::string conversation,
                                              Deadline deadline) = 0;
    // The person's own conversation with us, the one last heard from where there were several.
    virtual Later<ConversationReference> of_person(core::Surface chat, std::string tenant, std::string user,
                                                   Deadline deadline) = 0;
    // What was heard later than the reference at hand stays.
    virtual Later<Done> keep(ConversationReference reference, Deadline deadline) = 0;
};

}  // namespace countersign::app
