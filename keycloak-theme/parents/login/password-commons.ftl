<#macro logoutOtherSessions>
    <#-- A new password always ends the other sessions; nobody is asked. -->
    <input type="hidden" name="logout-sessions" value="on">
</#macro>
