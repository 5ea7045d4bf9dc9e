#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/checks.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/app/references.hpp"
#include "countersign/base/jose.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/route.hpp"
#include "countersign/net/stream.hpp"

namespace countersign::teams {

struct TeamsSettings {
    std::string app_id;                   // a GUID, lower case
    Secret app_password;                  // either this or a certificate with its key
    std::string certificate_digest = {};  // SHA-256 of the certificate's DER form, base64url
    // It is shared by copies of the settings.
    std::shared_ptr<const RsaSigningKey> certificate_key = {};
    // The machine's managed identity gives tokens here, in place of a secret or a certificate; empty: there
    // is none. With a header it is asked as on App Service, without one as virtual machines' metadata service
    // is.
    std::string managed_identity_url = {};
    Secret managed_identity_header = {};
    std::string tenant;                          // a GUID, lower case; empty: that of `channel`
    std::string openid_metadata_url;             // empty: of the public cloud
    std::string login_url;                       // empty: the cloud's
    std::vector<std::string> service_url_allow;  // empty: the cloud's
    std::string channel;                         // default conversation
    // Channels may open a WebSocket at GET /api/messages (Bot Framework streaming extensions).
    bool streaming = false;
    // Refusals may be shown in a channel to the one person whom they concern.
    bool targeted_messages = false;
    std::vector<std::string> link_hosts;
    // What passes through full views are made with, the same on every replica.
    Secret page_key;
};
// Why these settings are not fit for use, with the key's name; nullopt: they are.
std::optional<std::string> problem_of(const TeamsSettings& settings);

// Teams as one adapter: activities come in at POST /api/messages, messages go out through the Connector, and
// rosters say who people are. `run` learns whether the bot's credentials are good.
class Teams : public app::ConnectedChat {
  public:
    // Returns the routes that the API serves for Teams. The adapter must outlive the API.
    virtual std::vector<net::Route> routes() = 0;
};
// `parts`: what people in Teams come to by their buttons and words.
std::unique_ptr<Teams> make_teams(TeamsSettings settings, const app::Runtime& runtime,
                                  app::Conversation::Parts parts, app::ReferenceStore& references,
                                  net::Dialer& dialer, rt::asio::any_io_executor executor);

// How the network is reached, and where work runs.
struct Reach {
    net::Dialer& dialer;
    rt::asio::any_io_executor executor;
};
// Looks whether Entra takes the bot's credentials, whether the keys of Teams' tokens can be read, whether
// `public_url` leads to a server that Teams could call, whether the app is installed in the conversations
// that are named, and whether the people named are members there whom it can write to.
Later<app::Checks> examine(TeamsSettings settings, app::ChatNames names, std::string public_url,
                           const app::Runtime& runtime, const Reach& reach, Deadline deadline);

}  // namespace countersign::teams
