"""Uplinks: destinations of readings, and the worker that brings deliveries there.

The way there, the same for every destination:

    worker.py      one route.py for each destination: what is due, in lane.py for each person
    attempts.py    one attempt, and what each outcome means; outcomes.py, in words
    keeping.py     the outbox told of it, whatever the disk does; outbox.py, what is asked of it
    standing.py    whether a destination, or a person there, is left alone now; backoff.py, how long
    api.py         what is asked of a destination

Mon espace santé:

    mes.py         the destination; settings.py
    mes_mapping.py an entry as its bundle; mes_device.py, mes_terms.py
    mes_answers.py what it answers; mes_search.py, whether a reading is there
    mes_tokens.py  pairings kept alive; mes_pairing.py, what one holds; mes_token_endpoint.py

Any FHIR server:

    fhir.py        the destination; fhir_settings.py
    fhir_phd.py    an entry as its transaction; fhir_identifiers.py, fhir_terms.py
    fhir_answers.py what it answers; answers.py, what is read alike everywhere
    fhir_corrections.py what was sent and is wrong; fhir_consent.py, a grant for machines

Documents:

    documents.py   the destination, in documents_fhir.py or documents_folder.py
    document_reference.py how one is published; documents_settings.py

Brokers:

    mqtt.py        the destination; mqtt_settings.py, broker.py, broker_trust.py
    mqtt_message.py a reading as a message; mqtt_discovery.py, for Home Assistant
    mqtt_client.py one connection, paho's owner; mqtt_session.py, mqtt_reasons.py
    relay.py       from a broker to a FHIR server; relay_tour.py, relay_lists.py, relay_settings.py
    relayed.py     a published reading as a delivery again
    fleet.py       how this gateway is, for who runs many; fleet_health.py, fleet_settings.py

And http_client.py, the only file that knows aiohttp.
"""
