"""The routes, by what they are about. Who may call one stands in its signature, `hsiauto.service.access`."""
