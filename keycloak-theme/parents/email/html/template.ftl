<#macro emailLayout>
<!doctype html>
<html lang="${locale.language}" dir="${(ltr)?then('ltr','rtl')}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${realmName!msg("mailService")}</title>
<style>
.mail p{margin:0 0 16px}
.mail a{display:inline-block;padding:12px 24px;border-radius:12px;background:${properties.brand};color:${properties.brandOn};font-weight:bold;text-decoration:none}
.mail small{color:#4a5d64}
@media (prefers-color-scheme:dark){body{background:#0e191d!important;color:#e8f0f1!important}.mail{background:#16262b!important}.mail small{color:#a9bbc0}}
</style></head>
<body style="margin:0;padding:16px;background:#f1f5f5;color:#14282e;font-family:system-ui,'Segoe UI',Roboto,Arial,sans-serif;font-size:17px;line-height:1.5">
<div role="main" style="max-width:34em;margin:0 auto">
<div style="padding:16px 24px;background:${properties.brand};color:${properties.brandOn};border-radius:16px 16px 0 0"><h1 style="margin:0;font-size:17px">${realmName!""}</h1>${msg("mailService")}</div>
<div class="mail" style="padding:24px;background:#ffffff;border-radius:0 0 16px 16px">
<#nested>
</div>
</div>
</body>
</html>
</#macro>
