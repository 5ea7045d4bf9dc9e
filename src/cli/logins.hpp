#pragma once
#include <optional>
#include <string>

#include "countersign/base/result.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/time.hpp"

namespace countersign::cli {

// Somebody signed in at a server; kept in a file that they alone may read.
struct Login {
    std::string url;  // of the server, no slash at its end
    Secret token;     // asks and reads, and never votes
    std::string person;
    core::Instant expires_at;
};

// nullopt: nobody signed in there, or what is kept is not to be trusted (others may change it). One that has
// run out is returned too.
std::optional<Login> login_at(const std::string& url);
// The server of the newest login; empty: there is none.
std::string newest_login();
Result<Done> keep_login(const Login& login);
// Nothing there is fine.
Result<Done> forget_login(const std::string& url);

}  // namespace countersign::cli
