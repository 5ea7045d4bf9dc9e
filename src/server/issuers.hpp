#pragma once
#include <vector>

#include "countersign/adapters/config.hpp"
#include "countersign/adapters/identity.hpp"

namespace countersign::server {

// The issuers that the settings trust. invalid_input names the place of what is wrong.
Result<std::vector<identity::Issuer>> trusted_issuers(const config::Settings& settings);

identity::SignInSettings sign_in_settings(const config::Settings& settings);
// invalid_input: the OpenID provider's settings are not fit for use. Having none is fine.
Result<Done> check_login(const config::Settings& settings);

}  // namespace countersign::server
