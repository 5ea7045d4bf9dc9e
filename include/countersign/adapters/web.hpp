#pragma once
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/log_tail.hpp"
#include "countersign/app/requests.hpp"
#include "countersign/app/sign_in.hpp"
#include "countersign/net/route.hpp"

// Pages that people open in a browser: an approval that takes a sign-in. They work without scripts, and a GET
// decides nothing. And the calls by which a terminal has its person sign in.
namespace countersign::web {

struct WebSettings {
    std::string public_url;  // of this server, as browsers see it
    Secret key;              // what cookies and forms are signed with, the same on every replica
};

struct Parts {
    app::Requests& requests;
    app::Roster& roster;
    app::SignInProvider& provider;
    const app::SignInLinks& links;
    app::TokenStore& tokens;  // for terminals whose people sign in
    app::LogTail& log;
};

class Web {
  public:
    virtual ~Web() = default;
    virtual std::vector<net::Route> routes() = 0;  // they refer to this object
};
std::unique_ptr<Web> make_web(WebSettings settings, const app::Runtime& runtime, Parts parts);

// Where the OpenID provider sends browsers back to, below the public URL; it is registered there.
inline constexpr std::string_view callback_path = "/sign-in/callback";

}  // namespace countersign::web
