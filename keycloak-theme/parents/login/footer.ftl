<#-- Where the parent is in the five steps, languages for a browser without script, and the help line of every page. -->
<#macro content>
<#assign step = {"register": 2, "login-verify-email": 3}[pageId!""]!0>
<#if step gt 0>
<div class="steps slim">
<p class="steps-now">${msg("stepOf", step, 5, msg("step" + step))}</p>
<ol role="list" aria-label="${msg("theSteps")}">
<#list 1..5 as n>
<li<#if n == step> aria-current="step"<#elseif n < step> class="done"</#if>><span class="dot" aria-hidden="true">${(n < step)?then("✓", n)}</span><span class="what">${msg("step" + n)}</span></li>
</#list>
</ol>
</div>
</#if>
<div class="foot"><div>
<p><#if msg("helpPhone")?has_content>${msg("helpLabel")} <a href="tel:${msg("helpPhone")?replace("[^0-9+]", "", "r")}" dir="ltr">${msg("helpPhone")}</a><#if msg("helpHours")?has_content>, ${msg("helpHours")}</#if><#else>${msg("helpSchool")}</#if></p>
<#if realm.internationalizationEnabled && locale.supported?size gt 1>
<noscript><ul class="row"><#list locale.supported as l><li><a href="${l.url}">${l.label}</a></li></#list></ul></noscript>
</#if>
</div></div>
</#macro>
