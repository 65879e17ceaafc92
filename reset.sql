-- Brings a database to the state "app registered, not initialised", for
-- development and tests. It may run any number of times.
--
-- NEVER RUN THIS IN PRODUCTION: it destroys the app's configurations, its
-- mappings and its assets.

SET SCHEMA 'public';

DELETE FROM versioning.patches
WHERE app_name = 'ews';

INSERT INTO public.eliona_store (app_name, category, version)
VALUES ('ews', 'app', 'v0.0.0')
ON CONFLICT (app_name) DO UPDATE SET version = 'v0.0.0';

INSERT INTO public.eliona_app (app_name, enable)
VALUES ('ews', 't')
ON CONFLICT (app_name) DO UPDATE SET initialized_at = NULL;

DROP SCHEMA IF EXISTS ews CASCADE;

DELETE FROM public.heap
WHERE asset_id IN (
    SELECT asset_id FROM public.asset WHERE asset_type LIKE E'ews\\_%'
);

DELETE FROM public.attribute_schema
WHERE asset_type LIKE E'ews\\_%';

DELETE FROM public.asset
WHERE asset_type LIKE E'ews\\_%';

DELETE FROM public.asset_type
WHERE asset_type LIKE E'ews\\_%';
