#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/runtime.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/step_up.hpp"

// People who sign in at an OpenID provider: for an approval, or for a terminal.
namespace countersign::app {

// Describes one journey of a browser to the provider and back.
struct SignInAsk {
    std::string returns_to;        // our own address, as it is registered there (`redirect_uri`)
    std::string state;             // comes back with the browser
    std::string nonce;             // comes back in the token
    std::string challenge;         // RFC 7636, S256
    std::vector<std::string> acr;  // levels that would do; empty: any
};
struct SignInAnswer {
    std::string code;
    std::string verifier;  // RFC 7636
    std::string returns_to;
    std::string nonce;
    core::Instant asked_at;  // the sign-in has to be newer
};

// Somebody signs in on any device that has a browser, while a terminal waits (RFC 8628).
struct DeviceAsk {
    std::string device_code;    // stands for the terminal; a secret between us and the provider
    std::string user_code;      // the person compares or types it
    std::string address;        // where they go
    std::string whole_address;  // the same with the code in it; empty: there is none
    core::Duration lives{};
    core::Duration pause{};  // between two questions
};

class SignInProvider {
  public:
    virtual ~SignInProvider() = default;
    virtual std::string_view issuer() const = 0;
    // Where to send the browser. unavailable: the provider cannot be reached.
    virtual Later<std::string> address(SignInAsk ask, Deadline deadline) = 0;
    // Who signed in, and how. unauthenticated: the provider does not stand by the code, or its token is not
    // what was asked for; unavailable, timed_out.
    virtual Later<core::SignIn> finish(SignInAnswer answer, Deadline deadline) = 0;
    // not_found (no_device_flow): the provider has no such flow.
    virtual Later<DeviceAsk> begin_device(Deadline deadline) = 0;
    // nullopt: not yet. unauthenticated: refused there, or run out; overloaded (slow_down): ask less often.
    virtual Later<std::optional<core::SignIn>> ask_device(std::string device_code, Deadline deadline) = 0;
};

// Lets one person sign in for one approval. Whoever has the link learns nothing by it, and can do nothing
// with it but sign in.
struct SignInLink {
    core::RequestId request;
    core::AccountId account{""};  // whose click it follows
    core::Surface via = core::Surface::api;
    core::Instant until;  // when it has to be opened by
    std::string id;       // stands for it: of all votes by it one counts
    std::string reason;   // what they said beforehand; may be empty
};

// Makes and reads such links, which nothing is stored for: any replica knows its own.
class SignInLinks {
  public:
    static constexpr core::Duration life = std::chrono::minutes{5};
    static constexpr std::size_t reason_bytes_max = 600;  // a longer one is typed again
    // `public_url`: what links begin with.
    SignInLinks(const Runtime& runtime, Secret key, std::string public_url);

    std::string make(const core::RequestId& request, const core::AccountId& account, core::Surface via,
                     std::string reason) const;
    // `text`: the last segment of the link. Its time is for the caller to look at.
    std::optional<SignInLink> read(std::string_view text) const;

  private:
    const Runtime& runtime_;
    Secret key_;
    std::string base_;
};

// A reply in a chat: whoever approves signs in for it, in the browser, where the request is put before them
// once more.
struct SignInNeeded {
    std::int64_t number = 0;
    std::string about;    // the request in a few words; hostile as far as a renderer is concerned
    std::string address;  // theirs alone
};
// Draws 32 random bytes, as base64url: 43 characters.
std::string random_text(rt::Entropy& entropy);

}  // namespace countersign::app
